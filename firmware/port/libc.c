// What the virtual machine takes from the C library, and MicroPython's own replacement lacks.

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static unsigned digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10u : UINT_MAX;
}

// C11 7.22.1.4 for the bases 2 to 36, with no prefix and no leading space: the virtual machine has read
// those. Out of range gives the nearest number there is.
long long strtoll(const char *restrict text, char **restrict end, int base) {
    bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    const unsigned long long limit = (unsigned long long)LLONG_MAX + negative;
    unsigned long long value = 0;
    for (unsigned digit; (digit = digit_of(*text)) < (unsigned)base; text++) {
        value = value > (limit - digit) / (unsigned)base ? limit : value * (unsigned)base + digit;
    }
    if (end) {
        *end = (char *)text;
    }
    return (long long)(negative ? 0 - value : value);
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
