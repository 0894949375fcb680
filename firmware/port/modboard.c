// The `board` module: what the station knows of the hardware.

#include <string.h>

#include "boot.h"
#include "chip.h"
#include "cortex_m4.h"
#include "log.h"
#include "sha1.h"
#if FEATURE_FIRMWARE_UPDATE
#include "slot.h"
#endif
#include "rtt.h"
#include "store.h"
#include "tick.h"
#include "uart.h"

#include "py/mperrno.h"
#include "py/objstr.h"
#include "py/runtime.h"
#include "py/stream.h"

#define RANDOM_MAX 256

typedef struct {
    mp_obj_base_t base;
    uint8_t uart;
} uart_obj_t;

static const mp_obj_type_t uart_type;
static const uart_obj_t uart_objects[UART_COUNT] = {
    [UART_MODEM] = {{&uart_type}, UART_MODEM},
    [UART_EVSE] = {{&uart_type}, UART_EVSE},
};
static bool uart_started[UART_COUNT];

static unsigned uart_of(mp_obj_t self) {
    return ((const uart_obj_t *)MP_OBJ_TO_PTR(self))->uart;
}

static mp_obj_t uart_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    mp_uint_t uart = mp_obj_get_int(args[0]);
    if (uart >= UART_COUNT) {
        mp_raise_ValueError(MP_ERROR_TEXT("board.MODEM or board.EVSE"));
    }
    if (!uart_started[uart]) {
        chip_uart_init(uart);
        uart_started[uart] = true;
    }
    return MP_OBJ_FROM_PTR(&uart_objects[uart]);
}

static mp_uint_t uart_stream_read(mp_obj_t self, void *out, mp_uint_t size, int *error) {
    mp_uint_t count = uart_read(uart_of(self), out, size);
    if (count == 0 && size > 0) {
        *error = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return count;
}

static mp_uint_t uart_stream_write(mp_obj_t self, const void *in, mp_uint_t size, int *error) {
    mp_uint_t count = uart_write(uart_of(self), in, size);
    if (count == 0 && size > 0) {
        *error = MP_EAGAIN;
        return MP_STREAM_ERROR;
    }
    return count;
}

static mp_uint_t uart_stream_ioctl(mp_obj_t self, mp_uint_t request, uintptr_t arg, int *error) {
    if (request == MP_STREAM_POLL) {
        mp_uint_t ready = 0;
        if ((arg & MP_STREAM_POLL_RD) && uart_readable(uart_of(self))) {
            ready |= MP_STREAM_POLL_RD;
        }
        if ((arg & MP_STREAM_POLL_WR) && uart_writable(uart_of(self))) {
            ready |= MP_STREAM_POLL_WR;
        }
        return ready;
    }
    if (request == MP_STREAM_CLOSE) {
        return 0;
    }
    *error = MP_EINVAL;
    return MP_STREAM_ERROR;
}

static mp_obj_t uart_any_bytes(mp_obj_t self) {
    return MP_OBJ_NEW_SMALL_INT(uart_any(uart_of(self)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(uart_any_obj, uart_any_bytes);

static mp_obj_t uart_wait_for(mp_obj_t self, mp_obj_t count_in) {
    mp_int_t count = mp_obj_get_int(count_in);
    if (count < 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("count"));
    }
    uart_wait(uart_of(self), count);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(uart_wait_obj, uart_wait_for);

static void uart_attr(mp_obj_t self, qstr attr, mp_obj_t *dest) {
    if (dest[0] == MP_OBJ_NULL && attr == MP_QSTR_overruns) {
        dest[0] = mp_obj_new_int_from_uint(uart_overruns(uart_of(self)));
    } else {
        dest[1] = MP_OBJ_SENTINEL; // the look-up goes on in the locals dict
    }
}

static const mp_rom_map_elem_t uart_locals[] = {
    {MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj)},
    {MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj)},
    {MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&mp_stream_unbuffered_readline_obj)},
    {MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj)},
    {MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&mp_stream_close_obj)},
    {MP_ROM_QSTR(MP_QSTR_any), MP_ROM_PTR(&uart_any_obj)},
    {MP_ROM_QSTR(MP_QSTR_wait), MP_ROM_PTR(&uart_wait_obj)},
};
static MP_DEFINE_CONST_DICT(uart_locals_dict, uart_locals);

static const mp_stream_p_t uart_stream = {
    .read = uart_stream_read,
    .write = uart_stream_write,
    .ioctl = uart_stream_ioctl,
};

static MP_DEFINE_CONST_OBJ_TYPE(
    uart_type, MP_QSTR_UART, MP_TYPE_FLAG_NONE,
    make_new, uart_make_new,
    attr, uart_attr,
    protocol, &uart_stream,
    locals_dict, &uart_locals_dict
    );

static uint32_t uptime_ms_part;

static mp_obj_t board_uptime(void) {
    uint64_t ms = tick_us() / 1000;
    uptime_ms_part = ms % 1000;
    return mp_obj_new_int_from_ull(ms / 1000);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_uptime_obj, board_uptime);

static mp_obj_t board_uptime_ms(void) {
    return MP_OBJ_NEW_SMALL_INT(uptime_ms_part);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_uptime_ms_obj, board_uptime_ms);

static mp_obj_t board_reset(void) {
    system_reset();
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_reset_obj, board_reset);

static mp_obj_t board_reset_cause(void) {
    return MP_OBJ_NEW_SMALL_INT(boot_reset_cause);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_reset_cause_obj, board_reset_cause);

#if FEATURE_REPL
static mp_obj_t board_typed(void) {
    char text[64];
    return mp_obj_new_bytes((const byte *)text, rtt_read(text, sizeof(text)));
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_typed_obj, board_typed);
#endif

static mp_obj_t board_unique_id(void) {
    return mp_obj_new_bytes(chip_unique_id, chip_unique_id_size);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_unique_id_obj, board_unique_id);

static mp_obj_t board_random(mp_obj_t size_in) {
    mp_uint_t size = mp_obj_get_int(size_in);
    if (size > RANDOM_MAX) {
        mp_raise_ValueError(MP_ERROR_TEXT("at most 256 random bytes"));
    }
    vstr_t bytes;
    vstr_init_len(&bytes, size);
    if (!chip_random((uint8_t *)bytes.buf, size)) {
        mp_raise_OSError(MP_EIO);
    }
    return mp_obj_new_bytes_from_vstr(&bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_random_obj, board_random);

#if FEATURE_WATCHDOG
static mp_obj_t board_watchdog(mp_obj_t ms_in) {
    mp_int_t ms = mp_obj_get_int(ms_in);
    if (ms <= 0 || !chip_watchdog_start(ms)) {
        mp_raise_ValueError(MP_ERROR_TEXT("watchdog period"));
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_watchdog_obj, board_watchdog);

static mp_obj_t board_feed(void) {
    chip_watchdog_feed();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_feed_obj, board_feed);
#endif

#if FEATURE_FAULT_RECORD
static mp_obj_t board_fault(void) {
    if (!boot_fault_pending) {
        return mp_const_none;
    }
    boot_fault_pending = false;
    const uint32_t *registers = (const uint32_t *)&boot_fault;
    mp_obj_t items[sizeof(boot_fault) / sizeof(uint32_t)];
    for (size_t i = 0; i < MP_ARRAY_SIZE(items); i++) {
        items[i] = mp_obj_new_int_from_uint(registers[i]);
    }
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_fault_obj, board_fault);
#endif

static mp_obj_t board_modem_enable(mp_obj_t on) {
    chip_modem_enable(mp_obj_is_true(on));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_modem_enable_obj, board_modem_enable);

static mp_buffer_info_t bytes_of(mp_obj_t object, mp_uint_t flags) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(object, &info, flags);
    return info;
}

static void raise_on_error(int result) {
    if (result < 0) {
        mp_raise_OSError(-result);
    }
}

static mp_obj_t board_store_get(mp_obj_t key_in) {
    mp_buffer_info_t key = bytes_of(key_in, MP_BUFFER_READ);
    store_item_t item;
    if (store_get(&store_settings, key.buf, key.len, &item) != 0) {
        return mp_const_none;
    }
    return mp_obj_new_bytes(item.value, item.value_size);
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_store_get_obj, board_store_get);

static mp_obj_t board_store_put(mp_obj_t key_in, mp_obj_t value_in) {
    mp_buffer_info_t key = bytes_of(key_in, MP_BUFFER_READ);
    mp_buffer_info_t value = bytes_of(value_in, MP_BUFFER_READ);
    raise_on_error(store_put(&store_settings, key.buf, key.len, value.buf, value.len));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(board_store_put_obj, board_store_put);

// A key that is not there is no error.
static mp_obj_t board_store_delete(mp_obj_t key_in) {
    mp_buffer_info_t key = bytes_of(key_in, MP_BUFFER_READ);
    int result = store_delete(&store_settings, key.buf, key.len);
    raise_on_error(result == -MP_ENOENT ? 0 : result);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_store_delete_obj, board_store_delete);

static mp_obj_t board_store_keys(void) {
    mp_obj_t keys = mp_obj_new_list(0, NULL);
    store_item_t item;
    for (size_t cursor = 0; store_next(&store_settings, &cursor, &item) == 0;) {
        mp_obj_list_append(keys, mp_obj_new_bytes(item.key, item.key_size));
    }
    return keys;
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_store_keys_obj, board_store_keys);

// The journal's keys are numbers, big endian, so that they are found in order.

#define NUMBER_SIZE 4u

// Numbers are 0 to 2^30 - 1: the integers that need no heap.
static const uint8_t *number_of(mp_obj_t number_in, uint8_t *key) {
    mp_uint_t number = mp_obj_get_int(number_in);
    if (number >= 1u << 30) {
        mp_raise_ValueError(MP_ERROR_TEXT("number"));
    }
    for (size_t i = NUMBER_SIZE; i--; number >>= 8) {
        key[i] = number & 0xFF;
    }
    return key;
}

static mp_obj_t board_journal_put(mp_obj_t number, mp_obj_t data_in) {
    uint8_t key[NUMBER_SIZE];
    mp_buffer_info_t data = bytes_of(data_in, MP_BUFFER_READ);
    raise_on_error(store_put(&store_journal, number_of(number, key), NUMBER_SIZE, data.buf, data.len));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(board_journal_put_obj, board_journal_put);

// journal_begin(number), journal_append(data), ..., journal_end(): an item in pieces, as it is made.
static mp_obj_t board_journal_begin(mp_obj_t number) {
    uint8_t key[NUMBER_SIZE];
    raise_on_error(store_begin(&store_journal, number_of(number, key), NUMBER_SIZE, STORE_VALUE_MAX));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_journal_begin_obj, board_journal_begin);

static mp_obj_t board_journal_append(mp_obj_t data_in) {
    mp_buffer_info_t data = bytes_of(data_in, MP_BUFFER_READ);
    raise_on_error(store_append(&store_journal, data.buf, data.len));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_journal_append_obj, board_journal_append);

static mp_obj_t board_journal_end(void) {
    raise_on_error(store_end(&store_journal));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_journal_end_obj, board_journal_end);

// journal_read(number, offset, buffer): bytes read, 0 at the end of the item; None where there is no item.
// A negative offset counts from the end, and begins at the beginning where the item is shorter.
static mp_obj_t board_journal_read(mp_obj_t number, mp_obj_t offset_in, mp_obj_t buffer_in) {
    uint8_t key[NUMBER_SIZE];
    store_item_t item;
    mp_int_t offset = mp_obj_get_int(offset_in);
    mp_buffer_info_t buffer = bytes_of(buffer_in, MP_BUFFER_WRITE);
    if (store_get(&store_journal, number_of(number, key), NUMBER_SIZE, &item) != 0) {
        return mp_const_none;
    }
    mp_int_t size = item.value_size;
    offset = offset < 0 ? MAX(size + offset, 0) : MIN(offset, size);
    size = MIN(size - offset, (mp_int_t)buffer.len);
    memcpy(buffer.buf, item.value + offset, size);
    return MP_OBJ_NEW_SMALL_INT(size);
}
static MP_DEFINE_CONST_FUN_OBJ_3(board_journal_read_obj, board_journal_read);

// journal_find(number, bytes): their offset in the item, or -1.
static mp_obj_t board_journal_find(mp_obj_t number, mp_obj_t what_in) {
    uint8_t key[NUMBER_SIZE];
    store_item_t item;
    mp_buffer_info_t what = bytes_of(what_in, MP_BUFFER_READ);
    if (store_get(&store_journal, number_of(number, key), NUMBER_SIZE, &item) == 0) {
        for (size_t at = 0; at + what.len <= item.value_size; at++) {
            if (memcmp(item.value + at, what.buf, what.len) == 0) {
                return MP_OBJ_NEW_SMALL_INT(at);
            }
        }
    }
    return MP_OBJ_NEW_SMALL_INT(-1);
}
static MP_DEFINE_CONST_FUN_OBJ_2(board_journal_find_obj, board_journal_find);

// A number that is not there is no error.
static mp_obj_t board_journal_delete(mp_obj_t number) {
    uint8_t key[NUMBER_SIZE];
    int result = store_delete(&store_journal, number_of(number, key), NUMBER_SIZE);
    raise_on_error(result == -MP_ENOENT ? 0 : result);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_journal_delete_obj, board_journal_delete);

// The smallest number in use above the given one, or None.
static mp_obj_t board_journal_next(mp_obj_t number) {
    uint8_t key[NUMBER_SIZE];
    store_item_t item;
    if (store_after(&store_journal, number_of(number, key), NUMBER_SIZE, &item) != 0) {
        return mp_const_none;
    }
    mp_uint_t found = 0;
    for (size_t i = 0; i < NUMBER_SIZE; i++) {
        found = found << 8 | item.key[i];
    }
    return MP_OBJ_NEW_SMALL_INT(found);
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_journal_next_obj, board_journal_next);

// Erases the spare banks of store and journal where they are not blank: the processor stands still for up to
// seconds.
static mp_obj_t board_tidy(void) {
    #if FEATURE_DIAGNOSTICS
    raise_on_error(log_tidy());
    #endif
    raise_on_error(store_tidy(&store_settings));
    raise_on_error(store_tidy(&store_journal));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_tidy_obj, board_tidy);

#if FEATURE_DIAGNOSTICS

static log_line_t log_found;

// log_clock(seconds): what time it is, in seconds since 2020.
static mp_obj_t board_log_clock(mp_obj_t seconds) {
    log_clock(mp_obj_get_int(seconds));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_log_clock_obj, board_log_clock);

// log_add(text): a line of the security log; its number, 0 where there is no room.
static mp_obj_t board_log_add(mp_obj_t text_in) {
    mp_buffer_info_t text = bytes_of(text_in, MP_BUFFER_READ);
    return MP_OBJ_NEW_SMALL_INT(log_add(LOG_SECURITY, text.buf, text.len));
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_log_add_obj, board_log_add);

// log_next(security, number): the number of the log's first line behind that one, or None.
static mp_obj_t board_log_next(mp_obj_t security, mp_obj_t after) {
    uint8_t kind = mp_obj_is_true(security) ? LOG_SECURITY : LOG_DIAGNOSTICS;
    return log_next(kind, mp_obj_get_int(after), &log_found) ? MP_OBJ_NEW_SMALL_INT(log_found.number)
        : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(board_log_next_obj, board_log_next);

// log_time(): of the line that log_next() found: seconds since 2020, or -1 - seconds since reset.
static mp_obj_t board_log_time(void) {
    return mp_obj_new_int(log_found.time);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_log_time_obj, board_log_time);

// log_text(buffer): the text of that line; its size. To be read before another line is added.
static mp_obj_t board_log_text(mp_obj_t buffer_in) {
    mp_buffer_info_t buffer = bytes_of(buffer_in, MP_BUFFER_WRITE);
    size_t size = MIN(log_found.size, buffer.len);
    memcpy(buffer.buf, log_found.text, size);
    return MP_OBJ_NEW_SMALL_INT(size);
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_log_text_obj, board_log_text);

#endif

#if FEATURE_FIRMWARE_UPDATE

// slot_erase(): erases a part of the slot that does not run; is there more? The processor stands still.
static mp_obj_t board_slot_erase(void) {
    int result = slot_erase();
    raise_on_error(result < 0 ? -MP_EIO : 0);
    return mp_obj_new_bool(result);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_slot_erase_obj, board_slot_erase);

// slot_write(data): the next bytes of the update file.
static mp_obj_t board_slot_write(mp_obj_t data_in) {
    mp_buffer_info_t data = bytes_of(data_in, MP_BUFFER_READ);
    raise_on_error(slot_write(data.buf, data.len) ? 0 : -MP_EIO);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_slot_write_obj, board_slot_write);

static mp_obj_t board_slot_received(void) {
    return MP_OBJ_NEW_SMALL_INT(slot_received());
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_slot_received_obj, board_slot_received);

// slot_digest(): SHA-256 of what was written.
static mp_obj_t board_slot_digest(void) {
    uint8_t digest[32];
    slot_digest(digest);
    return mp_obj_new_bytes(digest, sizeof(digest));
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_slot_digest_obj, board_slot_digest);

// slot_fault(): what is wrong with the file, or None.
static mp_obj_t board_slot_fault(void) {
    const char *fault = slot_fault();
    return fault ? mp_obj_new_str(fault, strlen(fault)) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_slot_fault_obj, board_slot_fault);

// slot_commit(): the next reset starts what was written.
static mp_obj_t board_slot_commit(void) {
    raise_on_error(slot_commit() ? 0 : -MP_EIO);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_slot_commit_obj, board_slot_commit);

// slot_sequence(): a number that grows with each update; 0 for an image that a programmer wrote.
static mp_obj_t board_slot_sequence(void) {
    return MP_OBJ_NEW_SMALL_INT(slot_sequence());
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_slot_sequence_obj, board_slot_sequence);

// slot_on_trial(): does the boot stage go back to the other image unless slot_confirm() is called?
static mp_obj_t board_slot_on_trial(void) {
    return mp_obj_new_bool(slot_on_trial());
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_slot_on_trial_obj, board_slot_on_trial);

static mp_obj_t board_slot_confirm(void) {
    raise_on_error(slot_confirm() ? 0 : -MP_EIO);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_slot_confirm_obj, board_slot_confirm);

#endif

static mp_obj_t board_sha1(mp_obj_t data_in) {
    mp_buffer_info_t data = bytes_of(data_in, MP_BUFFER_READ);
    uint8_t digest[SHA1_SIZE];
    sha1(data.buf, data.len, digest);
    return mp_obj_new_bytes(digest, sizeof(digest));
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_sha1_obj, board_sha1);

// mask(buffer, start, end, key): XOR in place with the key of 4 bytes, whose first byte meets buffer[start]
// (RFC 6455 5.3).
static mp_obj_t board_mask(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    mp_buffer_info_t data = bytes_of(args[0], MP_BUFFER_RW);
    mp_uint_t start = mp_obj_get_int(args[1]);
    mp_uint_t end = mp_obj_get_int(args[2]);
    mp_buffer_info_t key = bytes_of(args[3], MP_BUFFER_READ);
    if (start > end || end > data.len || key.len != 4) {
        mp_raise_ValueError(MP_ERROR_TEXT("start, end or key"));
    }
    uint8_t *bytes = data.buf;
    const uint8_t *mask = key.buf;
    for (mp_uint_t i = start; i < end; i++) {
        bytes[i] ^= mask[(i - start) % 4];
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(board_mask_obj, 4, 4, board_mask);

static const MP_DEFINE_STR_OBJ(board_name_obj, MICROPY_HW_BOARD_NAME);
static const MP_DEFINE_STR_OBJ(board_version_obj, FIRMWARE_VERSION);

static const mp_rom_map_elem_t board_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_board)},
    {MP_ROM_QSTR(MP_QSTR_NAME), MP_ROM_PTR(&board_name_obj)},
    {MP_ROM_QSTR(MP_QSTR_VERSION), MP_ROM_PTR(&board_version_obj)},
    {MP_ROM_QSTR(MP_QSTR_MODEM), MP_ROM_INT(UART_MODEM)},
    {MP_ROM_QSTR(MP_QSTR_EVSE), MP_ROM_INT(UART_EVSE)},
    {MP_ROM_QSTR(MP_QSTR_POWER_ON), MP_ROM_INT(RESET_POWER_ON)},
    {MP_ROM_QSTR(MP_QSTR_PIN), MP_ROM_INT(RESET_PIN)},
    {MP_ROM_QSTR(MP_QSTR_SOFTWARE), MP_ROM_INT(RESET_SOFTWARE)},
    {MP_ROM_QSTR(MP_QSTR_WATCHDOG), MP_ROM_INT(RESET_WATCHDOG)},
    {MP_ROM_QSTR(MP_QSTR_LOCKUP), MP_ROM_INT(RESET_LOCKUP)},
    {MP_ROM_QSTR(MP_QSTR_BROWNOUT), MP_ROM_INT(RESET_BROWNOUT)},
    {MP_ROM_QSTR(MP_QSTR_UART), MP_ROM_PTR(&uart_type)},
    {MP_ROM_QSTR(MP_QSTR_uptime), MP_ROM_PTR(&board_uptime_obj)},
    {MP_ROM_QSTR(MP_QSTR_uptime_ms), MP_ROM_PTR(&board_uptime_ms_obj)},
    {MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&board_reset_obj)},
    {MP_ROM_QSTR(MP_QSTR_reset_cause), MP_ROM_PTR(&board_reset_cause_obj)},
    {MP_ROM_QSTR(MP_QSTR_unique_id), MP_ROM_PTR(&board_unique_id_obj)},
    #if FEATURE_REPL
    {MP_ROM_QSTR(MP_QSTR_typed), MP_ROM_PTR(&board_typed_obj)},
    #endif
    {MP_ROM_QSTR(MP_QSTR_random), MP_ROM_PTR(&board_random_obj)},
    #if FEATURE_WATCHDOG
    {MP_ROM_QSTR(MP_QSTR_watchdog), MP_ROM_PTR(&board_watchdog_obj)},
    {MP_ROM_QSTR(MP_QSTR_feed), MP_ROM_PTR(&board_feed_obj)},
    #endif
    #if FEATURE_FAULT_RECORD
    {MP_ROM_QSTR(MP_QSTR_fault), MP_ROM_PTR(&board_fault_obj)},
    #endif
    {MP_ROM_QSTR(MP_QSTR_modem_enable), MP_ROM_PTR(&board_modem_enable_obj)},
    {MP_ROM_QSTR(MP_QSTR_store_get), MP_ROM_PTR(&board_store_get_obj)},
    {MP_ROM_QSTR(MP_QSTR_store_put), MP_ROM_PTR(&board_store_put_obj)},
    {MP_ROM_QSTR(MP_QSTR_store_delete), MP_ROM_PTR(&board_store_delete_obj)},
    {MP_ROM_QSTR(MP_QSTR_store_keys), MP_ROM_PTR(&board_store_keys_obj)},
    {MP_ROM_QSTR(MP_QSTR_journal_put), MP_ROM_PTR(&board_journal_put_obj)},
    {MP_ROM_QSTR(MP_QSTR_journal_begin), MP_ROM_PTR(&board_journal_begin_obj)},
    {MP_ROM_QSTR(MP_QSTR_journal_append), MP_ROM_PTR(&board_journal_append_obj)},
    {MP_ROM_QSTR(MP_QSTR_journal_end), MP_ROM_PTR(&board_journal_end_obj)},
    {MP_ROM_QSTR(MP_QSTR_journal_find), MP_ROM_PTR(&board_journal_find_obj)},
    {MP_ROM_QSTR(MP_QSTR_journal_read), MP_ROM_PTR(&board_journal_read_obj)},
    {MP_ROM_QSTR(MP_QSTR_journal_delete), MP_ROM_PTR(&board_journal_delete_obj)},
    {MP_ROM_QSTR(MP_QSTR_journal_next), MP_ROM_PTR(&board_journal_next_obj)},
    {MP_ROM_QSTR(MP_QSTR_tidy), MP_ROM_PTR(&board_tidy_obj)},
    #if FEATURE_DIAGNOSTICS
    {MP_ROM_QSTR(MP_QSTR_log_clock), MP_ROM_PTR(&board_log_clock_obj)},
    {MP_ROM_QSTR(MP_QSTR_log_add), MP_ROM_PTR(&board_log_add_obj)},
    {MP_ROM_QSTR(MP_QSTR_log_next), MP_ROM_PTR(&board_log_next_obj)},
    {MP_ROM_QSTR(MP_QSTR_log_time), MP_ROM_PTR(&board_log_time_obj)},
    {MP_ROM_QSTR(MP_QSTR_log_text), MP_ROM_PTR(&board_log_text_obj)},
    #endif
    #if FEATURE_FIRMWARE_UPDATE
    {MP_ROM_QSTR(MP_QSTR_slot_erase), MP_ROM_PTR(&board_slot_erase_obj)},
    {MP_ROM_QSTR(MP_QSTR_slot_write), MP_ROM_PTR(&board_slot_write_obj)},
    {MP_ROM_QSTR(MP_QSTR_slot_received), MP_ROM_PTR(&board_slot_received_obj)},
    {MP_ROM_QSTR(MP_QSTR_slot_digest), MP_ROM_PTR(&board_slot_digest_obj)},
    {MP_ROM_QSTR(MP_QSTR_slot_fault), MP_ROM_PTR(&board_slot_fault_obj)},
    {MP_ROM_QSTR(MP_QSTR_slot_commit), MP_ROM_PTR(&board_slot_commit_obj)},
    {MP_ROM_QSTR(MP_QSTR_slot_sequence), MP_ROM_PTR(&board_slot_sequence_obj)},
    {MP_ROM_QSTR(MP_QSTR_slot_on_trial), MP_ROM_PTR(&board_slot_on_trial_obj)},
    {MP_ROM_QSTR(MP_QSTR_slot_confirm), MP_ROM_PTR(&board_slot_confirm_obj)},
    #endif
    {MP_ROM_QSTR(MP_QSTR_sha1), MP_ROM_PTR(&board_sha1_obj)},
    {MP_ROM_QSTR(MP_QSTR_mask), MP_ROM_PTR(&board_mask_obj)},
};
static MP_DEFINE_CONST_DICT(board_globals, board_globals_table);

const mp_obj_module_t board_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&board_globals,
};
MP_REGISTER_MODULE(MP_QSTR_board, board_module);
