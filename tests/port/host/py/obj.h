// As much of MicroPython's objects as port/tls/modtls.c asks for, for the host: every object is boxed and none is
// ever freed but all at once (see ../tls.c), and an exception is a longjmp.
#ifndef HOST_PY_OBJ_H
#define HOST_PY_OBJ_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define NORETURN __attribute__((noreturn))
#define MP_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

typedef void *mp_obj_t;
typedef intptr_t mp_int_t;
typedef uintptr_t mp_uint_t;
typedef struct mp_obj_type_t {
    mp_obj_t (*make_new)(const struct mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args);
} mp_obj_type_t;
typedef struct {
    const mp_obj_type_t *type;
} mp_obj_base_t;

// What an object is when it is neither of a type of the module nor None.
typedef struct {
    mp_obj_base_t base;
    enum { HOST_INT, HOST_BYTES, HOST_TUPLE, HOST_ERROR } kind;
    mp_int_t number;
    uint8_t *data; // of its own, so that a read behind it is found
    size_t size;
    mp_obj_t items[8];
} host_obj_t;

typedef struct {
    void *buf;
    size_t len;
} mp_buffer_info_t;
enum { MP_BUFFER_READ, MP_BUFFER_WRITE };

typedef struct host_nlr {
    jmp_buf state;
    struct host_nlr *before;
    void *ret_val;
} nlr_buf_t;
extern nlr_buf_t *host_nlr_top;
#define nlr_push(buf) ((buf)->before = host_nlr_top, host_nlr_top = (buf), setjmp((buf)->state))
#define nlr_pop() (host_nlr_top = host_nlr_top->before)
NORETURN void nlr_jump(void *value);
#define nlr_raise(object) nlr_jump(object)

host_obj_t *host_new(int kind);
mp_obj_t host_bytes(const void *data, size_t size);
mp_obj_t host_raise_new(mp_int_t code, mp_int_t detail);

extern const mp_obj_type_t mp_type_OSError, mp_type_module;
#define mp_const_none ((mp_obj_t)NULL)
#define MP_OBJ_FROM_PTR(p) ((mp_obj_t)(p))
#define MP_OBJ_TO_PTR(o) ((void *)(o))
mp_obj_t host_int(mp_int_t value);
#define MP_OBJ_NEW_SMALL_INT(value) host_int(value)
#define mp_obj_new_bool(value) host_int(!!(value))
#define mp_obj_new_bytes(data, size) host_bytes(data, size)
#define mp_obj_new_memoryview(code, size, data) host_bytes(data, size)
mp_obj_t mp_obj_new_tuple(size_t count, const mp_obj_t *items);
#define mp_obj_new_exception_args(type, count, items) mp_obj_new_tuple(count, items)
void *host_alloc(size_t size);
#define mp_obj_malloc(kind, type_) \
    ({ kind *made = host_alloc(sizeof(kind)); made->base.type = (type_); made; })
mp_int_t mp_obj_get_int(mp_obj_t object);
#define mp_obj_is_true(object) (mp_obj_get_int(object) != 0)
const char *mp_obj_str_get_str(mp_obj_t object);
void mp_get_buffer_raise(mp_obj_t object, mp_buffer_info_t *info, mp_uint_t flags);
#define mp_raise_OSError(code) nlr_jump(host_raise_new(code, 0))
#define mp_raise_ValueError(text) nlr_jump(host_raise_new(-1, 0))
#define MP_ERROR_TEXT(text) (text)
#define mp_arg_check_num(...) ((void)0)

// Tables and function objects are not needed: the driver calls the functions.
typedef struct {
    int key, value;
} mp_rom_map_elem_t;
typedef int mp_obj_dict_t;
typedef struct {
    mp_obj_base_t base;
    mp_obj_dict_t *globals;
} mp_obj_module_t;
#define MP_DEFINE_CONST_FUN_OBJ_0(name, function) void *const name __attribute__((unused)) = (void *)(function)
#define MP_DEFINE_CONST_FUN_OBJ_1 MP_DEFINE_CONST_FUN_OBJ_0
#define MP_DEFINE_CONST_FUN_OBJ_2 MP_DEFINE_CONST_FUN_OBJ_0
#define MP_DEFINE_CONST_FUN_OBJ_3 MP_DEFINE_CONST_FUN_OBJ_0
#define MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(name, least, most, function) MP_DEFINE_CONST_FUN_OBJ_0(name, function)
#define MP_ROM_QSTR(name) 0
#define MP_ROM_PTR(pointer) 0
#define MP_DEFINE_CONST_DICT(name, table) mp_obj_dict_t name __attribute__((unused)) = sizeof(table)
#define MP_DEFINE_CONST_OBJ_TYPE(name, qstr, flags, slot, function, ...) \
    const mp_obj_type_t name = {function}
#define MP_TYPE_FLAG_NONE 0
#define MP_REGISTER_MODULE(name, module)

#endif
