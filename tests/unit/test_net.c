/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts of the network: request heads, origins, keys, addresses, frames. The wire itself: tests/black/wire.test.mjs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/mem.h"
#include "gateway/net_int.h"

/* The head scanned in one piece and byte by byte; both must agree. 0 or a status; -1: more is needed; -2: bad. */
static int head_of(const char *text, size_t n, struct http_head *h, char **memory) {
    size_t         end = 0, end1 = 0;
    enum head_scan s = http_head_scan(text, n, 0, &end), s1 = HEAD_MORE;
    for (size_t i = 1; i <= n && s1 == HEAD_MORE; i++) s1 = http_head_scan(text, i, i - 1, &end1);
    assert_int_equal(s, s1);
    assert_int_equal(end, end1);
    *memory = NULL;
    if (s != HEAD_END) return s == HEAD_MORE ? -1 : -2;
    *memory = x_malloc(end); /* exact, so that ASan sees a byte too far */
    memcpy(*memory, text, end);
    return http_head_parse(*memory, end, h);
}

static void t_head(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int         status;
    } v[] = {{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
             {"GET / HTTP/1.1\r\nHost: a\r\n\r\nbody", 0},
             {"GET / HTTP/1.1\r\nHost: a\r\n", -1},
             {"", -1},
             {"GET / HTTP/1.1\nHost: a\n\n", -2},
             {"GET / HTTP/1.1\r\rHost: a\r\n\r\n", -2},
             {"\n", -2},
             {"\r\n\r\n", 400},
             {"GET / HTTP/1.0\r\n\r\n", 0},
             {"GET / HTTP/1.1\r\n\r\n", 400},
             {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
             {"GET http://h/p?q HTTP/1.1\r\nHost: a\r\n\r\n", 0},
             {"GET http:///p HTTP/1.1\r\nHost: a\r\n\r\n", 400},
             {"GET http://h HTTP/1.1\r\nHost: a\r\n\r\n", 400},
             {"GET http://h?q HTTP/1.1\r\nHost: a\r\n\r\n", 400},
             {"GET http://u@h/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
             {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
             {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
             {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 0},
             {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999\r\n\r\n", 0},
             {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999\r\n\r\n", 413},
             {"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
             {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 0},
             {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 00\r\n\r\n", 0}};
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct http_head h;
        char            *memory;
        int              got = head_of(v[i].text, strlen(v[i].text), &h, &memory);
        if (got != v[i].status) fail_msg("%s: %d, not %d", v[i].text, got, v[i].status);
        x_free(memory);
    }
}

static void t_fields(void **state) {
    (void)state;
    static const char text[] =
        "PUT http://City:80/v1/x%20y?a=b?c HTTP/1.1\r\nhost: other\r\nCONTENT-LENGTH:  12 \t\r\nConnection: x, Upgrade,close\r\n"
        "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\nX-Unknown: \xE4\xB8\xAD\r\nUpgrade: h2c, WebSocket\r\n\r\n";
    struct http_head h;
    char            *memory;
    assert_int_equal(head_of(text, sizeof text - 1, &h, &memory), 0);
    assert_int_equal(h.verb, HTTP_PUT);
    assert_string_equal(h.path, "/v1/x%20y");
    assert_string_equal(h.query, "a=b?c");
    assert_string_equal(h.host, "City:80");
    assert_string_equal(h.forwarded_for, "2.2.2.2");
    assert_int_equal(h.length, 12);
    assert_true(h.upgrade_ws && h.connection_upgrade && !h.keep_alive && h.v11 && h.has_length);
    assert_null(h.origin);
    x_free(memory);
}

static void t_origin_and_key(void **state) {
    (void)state;
    assert_true(http_same_origin("http://a", "a"));
    assert_true(http_same_origin("https://A:443", "a"));
    assert_true(http_same_origin("http://a:8080", "a:8080"));
    assert_false(http_same_origin("http://a:8080", "a"));
    assert_false(http_same_origin("https://a", "a:80"));
    assert_false(http_same_origin("http://a.evil", "a"));
    assert_false(http_same_origin("http://", ""));
    assert_false(http_same_origin("null", "null"));
    assert_false(http_same_origin("http://a", NULL));
    assert_true(http_ws_key_valid("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_false(http_ws_key_valid("dGhlIHNhbXBsZSBub25jZR=="));
    assert_false(http_ws_key_valid("dGhlIHNhbXBsZSBub25jZQ="));
    assert_false(http_ws_key_valid("dGhlIHNhbXBsZSBub25jZTE="));
    assert_false(http_ws_key_valid(""));
}

static void t_addr(void **state) {
    (void)state;
    struct addr      a, b;
    struct addr_list l;
    const char      *bad = NULL;
    char             text[46];
    assert_true(addr_parse("10.0.0.1", 8, &a));
    assert_string_equal(addr_text(&a, text), "10.0.0.1");
    assert_true(addr_parse("::ffff:10.0.0.1", 15, &b));
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(addr_parse("2001:db8::1xx", 11, &b));
    assert_string_equal(addr_text(&b, text), "2001:db8::1");
    assert_false(addr_parse("10.0.0.1\0x", 10, &b));
    assert_false(addr_parse("10.0.0", 6, &b));
    assert_false(addr_parse("", 0, &b));
    assert_int_equal(addr_list_parse(&l, " 10.0.0.1  ::1 ", &bad), ERR_OK);
    assert_int_equal(l.n, 2);
    assert_true(addr_list_has(&l, &a));
    assert_int_equal(addr_list_parse(&l, "10.0.0.1 nginx", &bad), ERR_INPUT);
    assert_string_equal(bad, "nginx");
    assert_int_equal(addr_list_parse(&l, NULL, &bad), ERR_OK);
    assert_false(addr_list_has(&l, &a));
    struct addr_count *c = addr_count_new(2);
    assert_true(addr_count_take(c, &a) && addr_count_take(c, &a) && !addr_count_take(c, &a));
    addr_count_give(c, &a);
    assert_true(addr_count_take(c, &a));
    addr_count_give(c, &a);
    addr_count_free(c); /* one is still counted */
}

static void t_frame(void **state) {
    (void)state;
    static const struct {
        size_t   n;
        unsigned head;
    } v[] = {{0, 2}, {125, 2}, {126, 4}, {65535, 4}, {65536, 10}};
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        char *p = x_calloc(v[i].n + 1, 1);
        memset(p, 'p', v[i].n);
        struct frame *f = frame_text2(p, v[i].n / 3, p, v[i].n - v[i].n / 3);
        size_t        n;
        assert_int_equal(f->head_n, v[i].head);
        assert_int_equal((unsigned char)f->b[0], 0x81);
        assert_string_equal(frame_payload(f, &n), p);
        assert_int_equal(n, v[i].n);
        assert_ptr_equal(frame_ref(f), f);
        frame_unref(f);
        frame_unref(f);
        x_free(p);
    }
    frame_unref(NULL);
}

static void t_close_codes(void **state) {
    (void)state;
    static const unsigned good[] = {1000, 1003, 1007, 1011, 3000, 4999},
                          bad[]  = {0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535};
    for (size_t i = 0; i < ARRAY_N(good); i++) assert_true(close_code_valid(good[i]));
    for (size_t i = 0; i < ARRAY_N(bad); i++) assert_false(close_code_valid(bad[i]));
}

/* Ids: a slot used again never answers to an old id. */
static void t_slots(void **state) {
    (void)state;
    struct net_loop l = {.index = 3, .free_head = UINT32_MAX};
    uint32_t        slot[500], gen;
    uint64_t        id[500];
    for (int i = 0; i < 500; i++) id[i] = loop_slot_take(&l, &slot[i], &slot[i], &gen);
    for (int i = 0; i < 500; i++) assert_ptr_equal(loop_slot_find(&l, id[i]), &slot[i]);
    loop_slot_give(&l, slot[7]);
    assert_null(loop_slot_find(&l, id[7]));
    uint64_t again = loop_slot_take(&l, &l, &slot[7], &gen);
    assert_int_not_equal(again, id[7]);
    assert_null(loop_slot_find(&l, id[7]));
    assert_ptr_equal(loop_slot_find(&l, again), &l);
    assert_null(loop_slot_find(&l, again ^ 1ULL << 56)); /* another loop */
    assert_null(loop_slot_find(&l, 0));
    x_free(l.slots);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_head),  cmocka_unit_test(t_fields),      cmocka_unit_test(t_origin_and_key), cmocka_unit_test(t_addr),
        cmocka_unit_test(t_frame), cmocka_unit_test(t_close_codes), cmocka_unit_test(t_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
