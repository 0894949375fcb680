// The `tls` module on the host, under the sanitizers: commands on the standard input, answers on the output.
//
// A command is a letter, a u32 size and so many bytes; an answer an i32 (0, or the error's first argument), a u32
// (its second one), a u32 size and so many bytes. All little endian; what a function takes is read from the bytes
// by `take_*`, in its order. mbedTLS's memory is malloc's, each block by itself.

#include <stdio.h>
#include <stdlib.h>

#include "modtls.c"

#define ROOTS_MAX 16

const mp_obj_type_t mp_type_OSError, mp_type_module;
nlr_buf_t *host_nlr_top;

// Objects

static host_obj_t *objects[65536];
static size_t object_count;

void *host_alloc(size_t size) {
    if (object_count == MP_ARRAY_SIZE(objects)) {
        abort();
    }
    return objects[object_count++] = calloc(1, MAX(size, sizeof(host_obj_t)));
}

static void forget_objects(void) {
    while (object_count) {
        host_obj_t *object = objects[--object_count];
        if (object->base.type == NULL) {
            free(object->data);
        }
        free(object);
    }
}

host_obj_t *host_new(int kind) {
    host_obj_t *object = host_alloc(sizeof(*object));
    object->kind = kind;
    return object;
}

mp_obj_t host_int(mp_int_t value) {
    host_obj_t *object = host_new(HOST_INT);
    object->number = value;
    return object;
}

// As on the chip, an allocation may fail, and is told of by an exception.
static long objects_left = -1;

mp_obj_t host_bytes(const void *data, size_t size) {
    if (objects_left == 0) {
        nlr_jump(host_raise_new(MP_ENOMEM, 0));
    }
    objects_left -= objects_left > 0;
    host_obj_t *object = host_new(HOST_BYTES);
    object->data = malloc(size ? size : 1);
    object->size = size;
    memcpy(object->data, data, size);
    return object;
}

mp_obj_t mp_obj_new_tuple(size_t count, const mp_obj_t *items) {
    host_obj_t *object = host_new(HOST_TUPLE);
    object->size = count;
    memcpy(object->items, items, count * sizeof(*items));
    return object;
}

mp_obj_t host_raise_new(mp_int_t code, mp_int_t detail) {
    mp_obj_t items[] = {host_int(code), host_int(detail)};
    return mp_obj_new_tuple(2, items);
}

mp_int_t mp_obj_get_int(mp_obj_t object) {
    return ((host_obj_t *)object)->number;
}

const char *mp_obj_str_get_str(mp_obj_t object) {
    return (const char *)((host_obj_t *)object)->data;
}

void mp_get_buffer_raise(mp_obj_t object, mp_buffer_info_t *info, mp_uint_t flags) {
    info->buf = ((host_obj_t *)object)->data;
    info->len = ((host_obj_t *)object)->size;
}

void nlr_jump(void *value) {
    nlr_buf_t *top = host_nlr_top;
    host_nlr_top = top->before;
    top->ret_val = value;
    longjmp(top->state, 1);
}

// What mbedTLS takes: each block alone, so that the sanitizer sees its ends.

static long allocations_left = -1;
static uint32_t blocks;
bool arena_refused;

void *arena_calloc(size_t count, size_t size) {
    if (allocations_left == 0) {
        arena_refused = true;
        return NULL;
    }
    allocations_left -= allocations_left > 0;
    void *block = calloc(count ? count : 1, size ? size : 1);
    blocks += block != NULL;
    return block;
}

void arena_free(void *block) {
    blocks -= block != NULL;
    free(block);
}

size_t arena_peak(void) {
    return 0;
}

// The chip

static uint64_t noise = 1;

bool chip_random(uint8_t *out, size_t size) {
    while (size--) {
        noise = noise * 6364136223846793005u + 1442695040888963407u;
        *out++ = noise >> 33;
    }
    return true;
}

static struct {
    uint8_t *value;
    size_t size;
} roots[ROOTS_MAX];

store_t store_settings;

int store_next(const store_t *store, size_t *cursor, store_item_t *out) {
    if (*cursor == ROOTS_MAX || !roots[*cursor].value) {
        return -2;
    }
    *out = (store_item_t) {(const uint8_t *)"x:C:0", roots[*cursor].value, 5, roots[*cursor].size};
    ++*cursor;
    return 0;
}

// Commands

static uint8_t *input;
static size_t input_size;

static void take(void *out, size_t size) {
    if (size > input_size) {
        abort();
    }
    memcpy(out, input, size);
    input += size;
    input_size -= size;
}

static int32_t take_int(void) {
    int32_t value;
    take(&value, sizeof(value));
    return value;
}

static mp_obj_t take_bytes(void) {
    size_t size = take_int();
    long left = objects_left;
    objects_left = -1;
    mp_obj_t object = host_bytes(input, size);
    objects_left = left;
    input += size;
    input_size -= size;
    return object;
}

static void take_roots(void) {
    for (size_t i = 0; i < ROOTS_MAX; i++) {
        free(roots[i].value);
        roots[i].value = NULL;
        if (input_size) {
            size_t size = roots[i].size = take_int();
            take(roots[i].value = malloc(size), size);
        }
    }
}

static mp_obj_t client;

static mp_obj_t run(char command) {
    mp_obj_t args[4];
    switch (command) {
        case 'R':
            take_roots();
            return NULL;
        case 'L':
            allocations_left = take_int();
            objects_left = take_int();
            return NULL;
        case 'U':
            return host_int(blocks);
        case 'C':
            return tls_certificate(take_bytes());
        case 'I':
            args[0] = take_bytes();
            args[1] = take_bytes();
            return tls_issued(args[0], args[1]);
        case 'T':
        case 'N':
            args[0] = take_bytes();
            args[1] = host_bytes("x:C:", 4);
            args[2] = host_int(take_int());
            args[3] = host_int(take_int());
            return command == 'T' ? tls_trusted(4, args) : (client = client_make_new(&client_type, 4, 0, args));
        case 'V':
            args[0] = take_bytes();
            args[1] = take_bytes();
            args[2] = take_bytes();
            return tls_verify(args[0], args[1], args[2]);
        case 'H':
            return client_handshake(client);
        case 'F':
            return client_feed(client, take_bytes());
        case 'O':
            args[0] = client_output(client);
            client_sent(client);
            return args[0];
        case 'D':
            args[0] = host_new(HOST_BYTES);
            ((host_obj_t *)args[0])->size = take_int();
            ((host_obj_t *)args[0])->data = malloc(((host_obj_t *)args[0])->size);
            args[1] = client_readinto(client, args[0]);
            if (args[1]) {
                ((host_obj_t *)args[0])->size = mp_obj_get_int(args[1]);
                return args[0];
            }
            return NULL;
        case 'W':
            return client_write(client, take_bytes());
        case 'S':
            return client_shut(client);
        case 'X':
            client_free(client);
            client = NULL;
            return NULL;
        default:
            abort();
    }
}

static void put_int(int32_t value) {
    fwrite(&value, sizeof(value), 1, stdout);
}

// None is no byte, an integer four, a tuple its items with their sizes.
static void put(const host_obj_t *object) {
    if (!object || object->base.type) {
        put_int(0);
    } else if (object->kind == HOST_INT) {
        put_int(4);
        put_int(object->number);
    } else if (object->kind == HOST_BYTES) {
        put_int(object->size);
        fwrite(object->data, 1, object->size, stdout);
    } else {
        size_t size = 0;
        for (size_t i = 0; i < object->size; i++) {
            const host_obj_t *item = object->items[i];
            size += 4 + (item->kind == HOST_INT ? 4 : item->size);
        }
        put_int(size);
        for (size_t i = 0; i < object->size; i++) {
            put(object->items[i]);
        }
    }
}

int main(void) {
    uint8_t head[5];
    while (fread(head, sizeof(head), 1, stdin) == 1) {
        uint32_t size;
        memcpy(&size, head + 1, sizeof(size));
        uint8_t *whole = input = malloc(size + 1);
        input_size = fread(input, 1, size, stdin);
        nlr_buf_t nlr;
        if (nlr_push(&nlr) == 0) {
            mp_obj_t result = run(head[0]);
            nlr_pop();
            put_int(0);
            put_int(0);
            put(result);
        } else {
            const host_obj_t *error = nlr.ret_val;
            put_int(mp_obj_get_int(error->items[0]));
            put_int(mp_obj_get_int(error->items[1]));
            put_int(0);
        }
        fflush(stdout);
        free(whole);
        if (!client) {
            forget_objects();
        }
    }
    return 0;
}
