// MicroPython's virtual machine. Where the image has no line numbers, an exception's traceback holds the address
// of each instruction instead, which bench/traceback.py decodes.

#include "py/bc.h"

#if !FROZEN_NAMES
#define mp_bytecode_get_source_line(table, end_of_table, offset) ((size_t)(end_of_table) + (offset))
#endif

#include "py/vm.c"
