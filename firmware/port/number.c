// Numbers, where what is at hand is wrong or large.

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "py/obj.h"
#include "py/runtime.h"

static unsigned digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10u : UINT_MAX;
}

// Stands in for MicroPython's own, by the linker's --wrap: that one loses the sign of what does not fit a
// small int, reads past `size`, and leaves what is out of range to strtoll(). Over 64 bits: ValueError.
mp_obj_t __wrap_mp_obj_new_int_from_str_len(const char **text, size_t size, bool negative, unsigned base);
mp_obj_t __wrap_mp_obj_new_int_from_str_len(const char **text, size_t size, bool negative, unsigned base) {
    const unsigned long long limit = (unsigned long long)LLONG_MAX + negative;
    unsigned long long value = 0;
    for (unsigned digit; size > 0 && (digit = digit_of(**text)) < base; size--, ++*text) {
        if (value > (limit - digit) / base) {
            mp_raise_ValueError(MP_ERROR_TEXT("integer over 64 bits"));
        }
        value = value * base + digit;
    }
    return mp_obj_new_int_from_ll((long long)(negative ? 0 - value : value));
}

// Single precision to 64 bits (Arm run-time ABI, 4.1.2), towards zero, to the nearest number out of range.
// The compiler's library goes by way of double precision, which is 2 kB of code that nothing else needs.
unsigned long long __aeabi_f2ulz(float value);
unsigned long long __aeabi_f2ulz(float value) {
    union {
        float value;
        uint32_t bits;
    } number = {value};
    int shift = (int)(number.bits >> 23 & 0xFF) - 127 - 23;
    unsigned long long mantissa = (number.bits & 0x7FFFFF) | 0x800000;
    if (shift < -23 || number.bits >> 31) {
        return 0;
    }
    if (shift < 0) {
        return mantissa >> -shift;
    }
    return shift <= 40 ? mantissa << shift : ULLONG_MAX;
}

long long __aeabi_f2lz(float value);
long long __aeabi_f2lz(float value) {
    bool negative = value < 0;
    unsigned long long size = __aeabi_f2ulz(negative ? -value : value);
    if (size > LLONG_MAX) {
        return negative ? LLONG_MIN : LLONG_MAX;
    }
    return negative ? -(long long)size : (long long)size;
}
