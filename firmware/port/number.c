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

// There is no floating point. What JSON writes with a point or an exponent becomes a number of a type of its own,
// which keeps the text and cannot be taken for an integer.
typedef struct {
    mp_obj_base_t base;
    mp_obj_t text;
} decimal_t;

static void decimal_print(const mp_print_t *print, mp_obj_t self, mp_print_kind_t kind) {
    (void)kind;
    mp_obj_print_helper(print, ((const decimal_t *)MP_OBJ_TO_PTR(self))->text, PRINT_STR);
}

static MP_DEFINE_CONST_OBJ_TYPE(decimal_type, MP_QSTR_decimal, MP_TYPE_FLAG_NONE, print, decimal_print);

// Stands in for MicroPython's own, by the linker's --wrap: that one raises ValueError.
mp_obj_t __wrap_mp_parse_num_float(const char *text, size_t size, bool allow_imaginary, void *lexer);
mp_obj_t __wrap_mp_parse_num_float(const char *text, size_t size, bool allow_imaginary, void *lexer) {
    (void)allow_imaginary;
    (void)lexer;
    decimal_t *decimal = mp_obj_malloc(decimal_t, &decimal_type);
    decimal->text = mp_obj_new_str(text, size);
    return MP_OBJ_FROM_PTR(decimal);
}
