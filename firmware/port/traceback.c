// Tracebacks of an image without identifiers and line numbers.

#include "py/obj.h"
#include "py/objexcept.h"
#include "py/runtime.h"

#if !FROZEN_NAMES
// Stands in for MicroPython's own, by the linker's --wrap.
void __wrap_mp_obj_print_exception(const mp_print_t *print, mp_obj_t exception);
void __wrap_mp_obj_print_exception(const mp_print_t *print, mp_obj_t exception) {
    if (mp_obj_is_exception_instance(exception)) {
        size_t count;
        size_t *entries; // file, address, function of each, the innermost first
        mp_obj_exception_get_traceback(exception, &count, &entries);
        if (count > 0) {
            mp_print_str(print, "Traceback (most recent call last):\n");
        }
        for (; count >= 3; count -= 3) {
            mp_printf(print, "  at %08x\n", (unsigned)entries[count - 2]);
        }
    }
    mp_obj_print_helper(print, exception, PRINT_EXC);
    mp_print_str(print, "\n");
}
#endif
