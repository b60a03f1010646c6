/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters: every type, its bounds, unknown and repeated members, texts of paths and queries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/json.h"
#include "base/param.h"
#include "base/text.h"

struct args {
    const char  *id, *other, *s, *text, *date, *kind;
    int64_t      n, low, high;
    bool         flag;
    struct strs  list;
    const cJSON *obj, *objs;
};

static const struct param rows[] = {
    P_ID(struct args, id, "task"),
    P_IDOPT(struct args, other, "unit"),
    P_STR(struct args, s, 2, 4, 0),
    P_TEXT(struct args, text, 1, 10, 0),
    P_DATE(struct args, date, 0),
    P_ENUM(struct args, kind, "order|read|praise", 0),
    P_I64(struct args, n, -5, 5, 0),
    P_I64(struct args, low, -9, -3, 0),
    P_I64(struct args, high, 3, INT64_MAX, 0),
    P_BOOL(struct args, flag),
    P_STRS(struct args, list, 3, 0),
    P_JSON(struct args, obj, 2, 0),
    P_JSONS(struct args, objs, 2, 0),
};

static struct arena *a;
static cJSON        *obj;

static enum err decode(const char *json, const char *ignore, struct args *out, struct param_fault *f) {
    const char *why;
    cJSON_Delete(obj);
    obj = NULL;
    arena_reset(a);
    memset(f, 0, sizeof *f);
    if (json && json_parse(json, strlen(json), &obj, &why) != ERR_OK) fail_msg("%s: %s", json, why);
    return param_decode(rows, ARRAY_N(rows), obj, ignore, out, sizeof *out, a, f);
}

static int setup(void **state) {
    (void)state;
    a = arena_new(65536);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    cJSON_Delete(obj);
    arena_free(a);
    return 0;
}

static void t_all(void **state) {
    (void)state;
    struct args        x;
    struct param_fault f;
    memset(&x, 0x5A, sizeof x);
    assert_int_equal(decode("{\"id\":\"t_1\",\"other\":\"u.1:a-B\",\"s\":\"南平市政\",\"text\":\"a\\nb\",\"date\":\"2018-03-20\",\"kind\":\"read\",\"n\":-5,"
                            "\"low\":-3,\"high\":9007199254740991,\"flag\":true,\"list\":[\"a\",\"b\"],\"obj\":{\"k\":1},\"objs\":[{}]}",
                            NULL, &x, &f),
                     ERR_OK);
    assert_string_equal(x.id, "t_1");
    assert_string_equal(x.other, "u.1:a-B");
    assert_string_equal(x.s, "南平市政");
    assert_string_equal(x.text, "a\nb");
    assert_string_equal(x.kind, "read");
    assert_int_equal(x.n, -5);
    assert_int_equal(x.high, 9007199254740991);
    assert_true(x.flag);
    assert_int_equal(x.list.n, 2);
    assert_string_equal(x.list.v[1], "b");
    assert_true(cJSON_IsObject(x.obj) && cJSON_IsArray(x.objs));
}

static void t_absent(void **state) {
    (void)state;
    struct args        x;
    struct param_fault f;
    static const char *forms[] = {"{\"id\":\"x\"}", "{\"id\":\"x\",\"other\":null,\"s\":null,\"n\":null,\"flag\":null,\"list\":null,\"obj\":null,\"objs\":null}"};
    for (size_t i = 0; i < ARRAY_N(forms); i++) {
        memset(&x, 0x5A, sizeof x);
        assert_int_equal(decode(forms[i], NULL, &x, &f), ERR_OK);
        assert_null(x.other);
        assert_null(x.s);
        assert_null(x.obj);
        assert_null(x.objs);
        assert_int_equal(x.n, 0);     /* 0 lies inside */
        assert_int_equal(x.low, -9);  /* 0 does not: the minimum */
        assert_int_equal(x.high, 3);
        assert_false(x.flag);
        assert_int_equal(x.list.n, 0);
    }
    static const char *missing[] = {NULL, "{}", "{\"id\":null}"};
    for (size_t i = 0; i < ARRAY_N(missing); i++) {
        assert_int_equal(decode(missing[i], NULL, &x, &f), ERR_INPUT);
        assert_string_equal(f.field, "id");
    }
}

#define ID64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void t_refused(void **state) {
    (void)state;
    static const struct {
        const char *member, *field;
    } v[] = {
        {"\"id\":1", "id"}, {"\"id\":\"\"", "id"}, {"\"id\":\"a b\"", "id"}, {"\"id\":\"a/b\"", "id"}, {"\"id\":\"南\"", "id"}, {"\"id\":\"" ID64 "a\"", "id"},
        {"\"id\":\"a'--\"", "id"}, {"\"id\":\"x\",\"s\":\"a\"", "s"}, {"\"id\":\"x\",\"s\":\"abcde\"", "s"}, {"\"id\":\"x\",\"s\":\"南平市政府\"", "s"},
        {"\"id\":\"x\",\"s\":\"a\\nb\"", "s"}, {"\"id\":\"x\",\"s\":\"a\\u202eb\"", "s"}, {"\"id\":\"x\",\"s\":12", "s"}, {"\"id\":\"x\",\"s\":[\"ab\"]", "s"},
        {"\"id\":\"x\",\"text\":\"\"", "text"}, {"\"id\":\"x\",\"text\":\"a\\rb\"", "text"}, {"\"id\":\"x\",\"text\":\"12345678901\"", "text"},
        {"\"id\":\"x\",\"date\":\"2018-02-29\"", "date"}, {"\"id\":\"x\",\"date\":\"2018-3-1\"", "date"}, {"\"id\":\"x\",\"date\":20180301", "date"},
        {"\"id\":\"x\",\"kind\":\"\"", "kind"}, {"\"id\":\"x\",\"kind\":\"orde\"", "kind"}, {"\"id\":\"x\",\"kind\":\"orders\"", "kind"},
        {"\"id\":\"x\",\"kind\":\"order|read\"", "kind"}, {"\"id\":\"x\",\"kind\":\"READ\"", "kind"},
        {"\"id\":\"x\",\"n\":6", "n"}, {"\"id\":\"x\",\"n\":-6", "n"}, {"\"id\":\"x\",\"n\":1.5", "n"}, {"\"id\":\"x\",\"n\":\"1\"", "n"}, {"\"id\":\"x\",\"n\":true", "n"},
        {"\"id\":\"x\",\"n\":1e300", "n"}, {"\"id\":\"x\",\"n\":-1e300", "n"}, {"\"id\":\"x\",\"low\":0", "low"}, {"\"id\":\"x\",\"high\":2", "high"},
        {"\"id\":\"x\",\"high\":9007199254740992", "high"}, {"\"id\":\"x\",\"high\":9223372036854775807", "high"}, {"\"id\":\"x\",\"high\":1e19", "high"},
        {"\"id\":\"x\",\"flag\":1", "flag"}, {"\"id\":\"x\",\"flag\":\"true\"", "flag"},
        {"\"id\":\"x\",\"list\":\"a\"", "list"}, {"\"id\":\"x\",\"list\":[1]", "list"}, {"\"id\":\"x\",\"list\":[\"\"]", "list"},
        {"\"id\":\"x\",\"list\":[\"a\",\"b\",\"c\",\"d\"]", "list"}, {"\"id\":\"x\",\"list\":[null]", "list"}, {"\"id\":\"x\",\"list\":[\"a\\nb\"]", "list"},
        {"\"id\":\"x\",\"obj\":[]", "obj"}, {"\"id\":\"x\",\"obj\":{\"a\":1,\"b\":1,\"c\":1}", "obj"}, {"\"id\":\"x\",\"objs\":{}", "objs"},
        {"\"id\":\"x\",\"objs\":[]", "objs"}, {"\"id\":\"x\",\"objs\":[{},1]", "objs"}, {"\"id\":\"x\",\"objs\":[{},{},{}]", "objs"},
        {"\"id\":\"x\",\"id\":\"y\"", "id"}, {"\"id\":\"x\",\"n\":1,\"n\":1", "n"}, {"\"id\":\"x\",\"n\":null,\"n\":1", "n"},
        {"\"id\":\"x\",\"who\":1", "who"}, {"\"id\":\"x\",\"ID\":\"y\"", "ID"}, {"\"id\":\"x\",\"\":1", ""}, {"\"id\":\"x\",\"id \":1", "id "},
        {"\"id\":\"x\",\"a|b\":1", "a|b"},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        char               json[300];
        struct args        x;
        struct param_fault f;
        (void)snprintf(json, sizeof json, "{%s}", v[i].member);
        enum err e = decode(json, "a|b|key", &x, &f);
        if (e != ERR_INPUT || strcmp(f.field, v[i].field) != 0) print_error("%s: %d %s\n", json, (int)e, f.field);
        assert_int_equal(e, ERR_INPUT);
        assert_string_equal(f.field, v[i].field);
        assert_true(f.why && utf8_valid(f.why, strlen(f.why)));
    }
    struct args        x;
    struct param_fault f;
    assert_int_equal(decode("[]", NULL, &x, &f), ERR_INPUT);
    assert_int_equal(decode("\"id\"", NULL, &x, &f), ERR_INPUT);
    assert_int_equal(decode("{\"id\":\"" ID64 "\",\"key\":1,\"a\":{}}", "a|b|key", &x, &f), ERR_OK);
    assert_int_equal(decode("{\"id\":\"x\",\"ke\":1}", "a|b|key", &x, &f), ERR_INPUT);
}

/* The name of an unknown member goes back to the client: cut, but never inside a character. */
static void t_long_name(void **state) {
    (void)state;
    struct args        x;
    struct param_fault f;
    assert_int_equal(decode("{\"a南平南平南平南平南平南平南平南平南平南平南平南平\":1}", NULL, &x, &f), ERR_INPUT);
    assert_true(strlen(f.field) <= 64 && strlen(f.field) > 60);
    assert_true(utf8_valid(f.field, strlen(f.field)));
}

static void t_from_text(void **state) {
    (void)state;
    static const struct {
        size_t      row;
        const char *text;
        enum err    e;
    } v[] = {
        {6, "5", ERR_OK}, {6, "-5", ERR_OK}, {6, "6", ERR_INPUT}, {6, "", ERR_INPUT}, {6, "-", ERR_INPUT}, {6, "+5", ERR_INPUT}, {6, " 5", ERR_INPUT},
        {6, "5 ", ERR_INPUT}, {6, "0x5", ERR_INPUT}, {6, "5.0", ERR_INPUT}, {6, "1e0", ERR_INPUT}, {6, "99999999999999999999", ERR_INPUT}, {6, "5-", ERR_INPUT},
        {8, "9007199254740993", ERR_INPUT}, {8, "9007199254740991", ERR_OK}, {9, "true", ERR_OK}, {9, "false", ERR_OK}, {9, "1", ERR_INPUT},
        {9, "", ERR_INPUT}, {2, "12", ERR_OK}, {2, "true", ERR_OK}, {4, "2018-03-20", ERR_OK}, {10, "a", ERR_INPUT}, {11, "{}", ERR_INPUT},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        struct args        x;
        struct param_fault f;
        cJSON             *o = cJSON_CreateObject();
        cJSON_AddItemToObject(o, rows[v[i].row].name, param_from_text(&rows[v[i].row], v[i].text));
        cJSON_AddItemToObject(o, "id", cJSON_CreateString("x"));
        enum err e = param_decode(rows, ARRAY_N(rows), o, NULL, &x, sizeof x, a, &f);
        if (e != v[i].e) print_error("%s = \"%s\"\n", rows[v[i].row].name, v[i].text);
        assert_int_equal(e, v[i].e);
        cJSON_Delete(o);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_all),     cmocka_unit_test(t_absent),    cmocka_unit_test(t_refused),
        cmocka_unit_test(t_long_name), cmocka_unit_test(t_from_text),
    };
    return cmocka_run_group_tests_name("param", tests, setup, teardown);
}
