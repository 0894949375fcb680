// From reset to the frozen main.py, and what the virtual machine needs of a port.

#include <string.h>

#include "boot.h"
#include "chip.h"
#include "cortex_m4.h"
#include "fault.h"
#include "frozen.h"
#include "log.h"
#include "rtt.h"
#include "store.h"
#include "tick.h"

#include "py/builtin.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/lexer.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "shared/runtime/gchelper.h"

extern uint8_t _stack_start[], _stack_end[], _heap_start[], _heap_end[];

reset_cause_t boot_reset_cause;
#if FEATURE_FAULT_RECORD
fault_registers_t boot_fault;
bool boot_fault_pending;
#endif

static void run_frozen_main(void) {
    nlr_buf_t nlr;
    if (nlr_push(&nlr) != 0) {
        mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
        return;
    }
    frozen_run();
    nlr_pop();
}

int main(void) {
    // An interrupt that becomes pending ends a wfe (B1.5.18). So does the return from its handler, but that
    // is not in every model of the core.
    SCB_SCR |= SCB_SCR_SEVONPEND;
    boot_reset_cause = chip_reset_cause();
    #if FEATURE_FAULT_RECORD
    boot_fault_pending = fault_take(&boot_fault);
    #endif
    rtt_init(boot_reset_cause != RESET_POWER_ON);
    const char *fallback = chip_init();
    tick_init();
    if (fallback) {
        mp_hal_stdout_tx_str(fallback);
    }
    // An erase keeps the processor from its interrupts for up to half a second: better now than in service.
    if (store_init(&store_settings) != 0 || store_tidy(&store_settings) != 0) {
        mp_hal_stdout_tx_str("store: flash failure, settings are lost\n");
    }
    if (store_init(&store_journal) != 0) {
        mp_hal_stdout_tx_str("store: flash failure, the journal is lost\n");
    }
    #if FEATURE_DIAGNOSTICS
    log_init();
    #endif

    mp_cstack_init_with_top(_stack_end, _stack_end - _stack_start);
    gc_init(_heap_start, _heap_end);
    mp_init();
    run_frozen_main();
    system_reset();
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

void nlr_jump_fail(void *value) {
    (void)value;
    panic(PANIC_NLR);
}

// Only a build without NDEBUG refers to it.
void __assert_func(const char *file, int line, const char *function, const char *expression) {
    mp_printf(&mp_plat_print, "%s:%d: %s: assertion failed: %s\n", file, line, function, expression);
    panic(PANIC_ASSERT);
}

// There is no file system: everything is frozen.
mp_import_stat_t mp_import_stat(const char *path) {
    (void)path;
    return MP_IMPORT_STAT_NO_EXIST;
}

#if FEATURE_REPL
mp_lexer_t *mp_lexer_new_from_file(qstr name) {
    (void)name;
    mp_raise_OSError(MP_ENOENT);
}
#endif

mp_obj_t mp_builtin_open(size_t n_args, const mp_obj_t *args, mp_map_t *kwargs) {
    (void)n_args;
    (void)args;
    (void)kwargs;
    mp_raise_OSError(MP_ENOENT);
}
MP_DEFINE_CONST_FUN_OBJ_KW(mp_builtin_open_obj, 1, mp_builtin_open);

mp_uint_t mp_hal_stdout_tx_strn(const char *text, size_t size) {
    mp_hal_stdout_tx_strn_cooked(text, size);
    return size;
}

void mp_hal_stdout_tx_strn_cooked(const char *text, size_t size) {
    rtt_write(text, size);
    #if FEATURE_DIAGNOSTICS
    log_print(text, size);
    #endif
}

void mp_hal_stdout_tx_str(const char *text) {
    mp_hal_stdout_tx_strn_cooked(text, strlen(text));
}

// Standard input is always at its end.
int mp_hal_stdin_rx_chr(void) {
    return 4;
}

uintptr_t mp_hal_stdio_poll(uintptr_t flags) {
    return flags & MP_STREAM_POLL_WR;
}
