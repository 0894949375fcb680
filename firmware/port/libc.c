// What the virtual machine takes from the C library, and MicroPython's own replacement lacks.

#include <limits.h>
#include <stdbool.h>
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
