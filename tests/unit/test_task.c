/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of supervision tasks: the whole way, every refusal and its order, expansion, versions, dates. The matrix of states and
 * acts is made from handlers/task_states.def itself.
 */
#include "tests/unit/task_city.h"

/* ---- the way ---- */

static void the_whole_way(void **state) {
    (void)state;
    struct kit *k = open_city();
    create(k, TWO ",\"quantities\":{\"projects\":73}");
    assert_string_equal(kit_get(k, "state"), "draft");
    act(k, ERR_OK, "disp", "submit_draft", "");
    assert_int_equal(version_of(k), 2);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE person = 'appr' AND kind = 'task.to_approve'"), 1);
    act(k, ERR_OK, "appr", "approve", "");
    assert_string_equal(kit_get(k, "sign_due"), "2018-03-14T00:00:00.000+08:00");
    assert_string_equal(kit_get(k, "late_at_creation"), "false");
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.assigned' AND person IN ('bb', 'bb2', 'szb')"),
                     3);
    act(k, ERR_OK, "bb", "sign_for", "");
    assert_string_equal(kit_get(k, "state"), "dispatched");
    assert_int_equal(version_of(k), 3);                     /* a signature alone raises no version (D37) */
    act(k, ERR_STATE, "bb", "report", "\"text\":\"早了\""); /* not before all have signed (D45) */
    act(k, ERR_OK, "szb", "sign_for", "");
    state_is(k, "signed");
    assert_int_equal(version_of(k), 4);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.signed' AND person = 'disp'"), 1);
    act(k, ERR_OK, "bb", "report", "\"text\":\"已部署\",\"progress\":60");
    state_is(k, "in_progress");
    act(k, ERR_OK, "bb", "report", "\"text\":\"再报\",\"progress\":70");
    assert_int_equal(version_of(k), 5);
    act(k, ERR_STATE, "bb", "submit_done", DONE ",\"quantities\":{\"projects\":73}"); /* the other unit has not reported */
    assert_non_null(strstr(k->detail, "NP-SZB尚未报送"));
    act(k, ERR_OK, "szb", "report", "\"text\":\"配合完成\"");
    act(k, ERR_STATE, "bb", "submit_done", DONE ",\"quantities\":{\"projects\":72}");
    act(k, ERR_INPUT, "bb", "submit_done", DONE);
    assert_string_equal(k->field, "quantities");
    act(k, ERR_INPUT, "bb", "submit_done", DONE ",\"quantities\":{\"projects\":\"七十三\"}");
    assert_string_equal(k->field, "quantities");
    act(k, ERR_OK, "bb", "submit_done", DONE ",\"quantities\":{\"projects\":73}");
    state_is(k, "submitted");
    act(k, ERR_OK, "disp", "return", "\"reason\":\"佐证不清\"");
    assert_string_equal(kit_get(k, "return_count"), "1");
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.returned' AND person = 'bb'"), 1);
    act(k, ERR_STATE, "bb", "submit_done", DONE); /* first report what was done about it */
    act(k, ERR_OK, "bb", "report", "\"text\":\"已补充\",\"progress\":90");
    state_is(k, "in_progress");
    act(k, ERR_OK, "bb", "submit_done", DONE ",\"quantities\":{\"projects\":80}");
    act(k, ERR_OK, "disp", "accept", "\"opinion\":\"同意销号\",\"quality\":5,\"efficiency\":4");
    assert_string_equal(kit_get(k, "on_time"), "true");
    state_is(k, "closed");
    assert_int_equal(
        kit_sql_i(k, js("SELECT COUNT(*) FROM task WHERE id = '%s' AND quality = '5' AND closed_biz IS NOT NULL", id)), 1);
    /* history, ledger and live channels say the same */
    kit_want(k, ERR_OK, "lead", "task.history", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "items"), "13");
    assert_string_equal(kit_get(k, "items.0.event"), "create");
    assert_string_equal(kit_get(k, "items.12.event"), "accept");
    assert_string_equal(kit_get(k, "items.12.reason"), "同意销号");
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM ledger WHERE object = 'task:%s' AND hash IS NOT NULL", id)), 13);
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM outbox WHERE channel = 'task:%s'", id)), 13);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM ledger WHERE instr(body, '同意') > 0"), 0);
    assert_true(k->house.boards_dirty);
    kit_close(k);
}

static void history_has_pages(void **state) {
    (void)state;
    struct kit *k = open_city();
    bring_to(k, "closed");
    kit_want(k, ERR_OK, "ddc", "task.history", js("{\"task_id\":\"%s\",\"limit\":5}", id));
    assert_string_equal(kit_get(k, "items.4.seq"), "5");
    const char *next = js("{\"task_id\":\"%s\",\"limit\":5,\"cursor\":\"%s\"}", id, kit_get(k, "next"));
    kit_want(k, ERR_OK, "ddc", "task.history", next);
    assert_string_equal(kit_get(k, "items.0.seq"), "6");
    kit_close(k);
}

static void repeated_signature_gets_the_first_answer(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, TWO);
    act(k, ERR_OK, "bb", "sign_for", "");
    char *first = x_strdup(buf_str(&k->reply));
    kit_time(k, "2018-03-13T09:00:00+08:00");
    act(k, ERR_OK, "szb", "sign_for", "");
    act(k, ERR_OK, "szb", "report", "\"text\":\"进展\"");
    long long before = footprint(k);
    act(k, ERR_OK, "bb2", "sign_for", ""); /* a colleague, later, in another state */
    assert_string_equal(buf_str(&k->reply), first);
    assert_int_equal(footprint(k), before);
    x_free(first);
    kit_close(k);
}

static void late_and_urgent_signatures(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, TWO);
    kit_time(k, "2018-03-13T23:59:59.999+08:00");
    act(k, ERR_OK, "bb", "sign_for", "");
    assert_string_equal(kit_get(k, "result.late"), "false");
    kit_time(k, "2018-03-14T00:00:00+08:00");
    act(k, ERR_OK, "szb", "sign_for", "");
    assert_string_equal(kit_get(k, "result.late"), "true");
    kit_time(k, "2018-03-16T17:00:00+08:00"); /* Friday: 24:00 of Monday */
    dispatch(k, TWO);
    assert_string_equal(kit_get(k, "sign_due"), "2018-03-20T00:00:00.000+08:00");
    dispatch(k, TWO ",\"urgency\":\"urgent\"");
    assert_string_equal(kit_get(k, "sign_due"), "2018-03-16T21:00:00.000+08:00");
    kit_close(k);
}

static void calendar_is_never_guessed(void **state) {
    (void)state;
    struct kit *k = open_city();
    kit_time(k, "2018-12-31T09:00:00+08:00");
    create(k, "\"units\":[\"NP-BB\"],\"long_term\":true");
    act(k, ERR_OK, "disp", "submit_draft", "");
    long long before = footprint(k);
    act(k, ERR_CALENDAR, "appr", "approve", "");
    assert_int_equal(footprint(k), before);
    state_is(k, "pending_approval");
    kit_want(k, ERR_CALENDAR, "disp", "task.create", "{\"title\":\"标题\",\"deadline\":\"2019-05-01\"}");
    kit_close(k);
}

/* ---- refusals, places ---- */

static void refusal_by_the_first_goes_back_to_draft(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, TWO);
    act(k, ERR_INPUT, "szb", "refuse", "");
    assert_string_equal(k->field, "reason");
    act(k, ERR_OK, "szb", "refuse", "\"reason\":\"不属于本单位职责\"");
    state_is(k, "draft");
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.refused' AND person = 'disp'"), 1);
    kit_want(k, ERR_NOTFOUND, "szb", "task.get", js("{\"task_id\":\"%s\"}", id)); /* a draft is the dispatching side's again */
    act(k, ERR_OK, "disp", "update", "\"units\":[\"NP-BB\",\"NP-GSJ\"]");
    act(k, ERR_OK, "disp", "submit_draft", "");
    act(k, ERR_OK, "appr", "approve", "");
    unit_is(k, "NP-GSJ", "waiting");
    act(k, ERR_OK, "bb", "sign_for", "");
    kit_close(k);
}

static void refusal_after_others_signed_opens_one_place(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, TWO);
    act(k, ERR_OK, "bb", "sign_for", "");
    act(k, ERR_STATE, "bb", "refuse", "\"reason\":\"已签收的不能退\"");
    act(k, ERR_OK, "szb", "refuse", "\"reason\":\"不属于本单位职责\"");
    state_is(k, "dispatched");
    unit_is(k, "NP-SZB", "refused");
    unit_is(k, "NP-BB", "signed");
    act(k, ERR_STATE, "szb", "sign_for", "");
    act(k, ERR_STATE, "bb", "report", "\"text\":\"还有空位\"");
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-BB\":\"NP-GSJ\"}"); /* its place is not open */
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-SZB\":\"NP-BB\"}");
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-SZB\":\"NP-DDC\"}");
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-SZB\":\"NP-SZBM\"}");
    act(k, ERR_STATE, "disp", "update", "\"title\":\"改题目\"");
    act(k, ERR_STATE, "disp", "update", "\"deadline\":\"2018-04-20\""); /* that would be an extension */
    act(k, ERR_OK, "disp", "update", "\"replace\":{\"NP-SZB\":\"NP-GSJ\"}");
    state_is(k, "dispatched");
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.assigned' AND person = 'gsj'"), 1);
    act(k, ERR_OK, "gsj", "sign_for", "");
    state_is(k, "signed");
    kit_close(k);
}

static void dropping_the_last_open_place_completes_signing(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, "\"units\":[\"NP-BB\",\"NP-SZB\",\"NP-GSJ\"],\"deadline\":\"2018-03-20\"");
    act(k, ERR_OK, "szb", "sign_for", "");
    act(k, ERR_OK, "bb", "refuse", "\"reason\":\"牵头单位应为他人\"");
    act(k, ERR_OK, "gsj", "refuse", "\"reason\":\"无此职责\"");
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-BB\":\"\"}"); /* somebody has to lead */
    act(k, ERR_OK, "disp", "update", "\"replace\":{\"NP-BB\":\"NP-RSJ\"}");
    act(k, ERR_OK, "rsj", "sign_for", "");
    state_is(k, "dispatched");
    act(k, ERR_OK, "disp", "update", "\"replace\":{\"NP-GSJ\":\"\"}");
    state_is(k, "signed");
    act(k, ERR_OK, "szb", "report", "\"text\":\"进展\"");
    act(k, ERR_PERM, "szb", "submit_done", DONE);
    act(k, ERR_OK, "rsj", "submit_done", DONE);
    kit_close(k);
}

/* ---- expansion ---- */

static void groups_are_expanded_by_the_dispatcher(void **state) {
    (void)state;
    static const struct {
        const char *expand;
        enum err    want;
    } rows[] = {
        {"", ERR_INPUT},
        {"\"expand\":{\"NP-SZBM\":[\"NP-GSJ\"]}", ERR_INPUT},                                              /* one group is left */
        {"\"expand\":{\"NP-SZBM\":[],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                                  /* empty */
        {"\"expand\":{\"NP-SZBM\":[\"NP-GSJ\"],\"NP-XZF\":[\"XZ-3\"]}", ERR_INPUT},                        /* no member */
        {"\"expand\":{\"NP-SZBM\":[\"NP-NONE\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                       /* no such unit */
        {"\"expand\":{\"NP-SZBM\":[\"NP-XZF\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                        /* a group again */
        {"\"expand\":{\"NP-SZBM\":[\"NP-OLD\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                        /* no longer valid */
        {"\"expand\":{\"NP-SZBM\":[\"NP-BB\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                         /* twice */
        {"\"expand\":{\"NP-SZBM\":[\"NP-XNB\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                        /* supervises */
        {"\"expand\":{\"NP-SZBM\":[\"NP-DDC\"],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},                        /* monitors */
        {"\"expand\":{\"NP-SZBM\":[\"NP-GSJ\"],\"NP-XZF\":[\"XZ-1\"],\"NP-BB\":[\"NP-RSJ\"]}", ERR_INPUT}, /* no group */
        {"\"expand\":{\"NP-SZBM\":[7],\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},
        {"\"expand\":{\"NP-SZBM\":\"NP-GSJ\",\"NP-XZF\":[\"XZ-1\"]}", ERR_INPUT},
        {"\"expand\":{\"NP-SZBM\":[\"NP-GSJ\",\"NP-RSJ\"],\"NP-XZF\":[\"XZ-2\",\"XZ-1\"]}", ERR_OK},
    };
    struct kit *k = open_city();
    create(k, "\"units\":[\"NP-BB\",\"NP-SZBM\",\"NP-XZF\"],\"deadline\":\"2018-03-20\"");
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        long long before = footprint(k);
        act(k, rows[i].want, "disp", "submit_draft", rows[i].expand);
        if (rows[i].want) assert_string_equal(k->field, "expand");
        if (rows[i].want) assert_int_equal(footprint(k), before);
    }
    assert_string_equal(kit_get(k, "units"), "5");
    assert_int_equal(
        kit_sql_i(k, js("SELECT COUNT(*) FROM task_unit WHERE task = '%s' AND is_lead = 1 AND unit = 'NP-BB' AND ord = 0", id)),
        1);
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM task_unit WHERE task = '%s' AND from_group = 'NP-XZF'", id)), 2);
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM task_listed WHERE task = '%s'", id)), 3); /* as printed, still */
    /* what has become of a unit since is looked at again at dispatch (D46) */
    MUST(db_exec(k->db, "UPDATE unit SET valid_to = '2018-03-11' WHERE code = 'NP-RSJ'", "") == ERR_OK);
    act(k, ERR_STATE, "appr", "approve", "");
    act(k, ERR_INPUT, "appr", "reject", "");
    act(k, ERR_OK, "appr", "reject", "\"opinion\":\"单位有变\"");
    state_is(k, "draft");
    assert_int_equal(kit_sql_i(k, js("SELECT COUNT(*) FROM task_unit WHERE task = '%s'", id)), 0);
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.rejected' AND person = 'disp'"), 1);
    kit_close(k);
}

static void a_draft_must_be_complete(void **state) {
    (void)state;
    static const struct {
        const char *fields, *word;
    } rows[] = {
        {"\"deadline\":\"2018-03-20\"", "没有责任单位"},
        {"\"units\":[\"NP-BB\"]", "时限"},
        {"\"units\":[\"NP-BB\"],\"deadline\":\"2018-03-20\",\"requirement\":\" \"", "工作要求"},
        {"\"units\":[\"NP-OLD\"],\"deadline\":\"2018-03-20\"", "有效"},
        {"\"units\":[\"NP-XNB\"],\"deadline\":\"2018-03-20\"", NULL}, /* its own unit would be supervised by itself */
        {"\"units\":[\"NP-DDC\"],\"deadline\":\"2018-03-20\"", "监督"},
        {"\"units\":[\"NP-SZBM\",\"NP-BB\"],\"deadline\":\"2018-03-20\"", "牵头"},
    };
    struct kit *k = open_city();
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        kit_want(k, ERR_OK, "disp", "task.create",
                 js("{\"title\":\"标题\",\"monitoring_units\":[\"NP-DDC\"],%s%s}",
                    strstr(rows[i].fields, "requirement") ? "" : "\"requirement\":\"要求\",", rows[i].fields));
        (void)snprintf(id, sizeof id, "%s", kit_get(k, "id"));
        act(k, rows[i].word ? ERR_STATE : ERR_PERM, "disp", "submit_draft", "");
        if (rows[i].word && !strstr(k->detail, rows[i].word)) fail_msg("row %zu: %s", i, k->detail);
    }
    kit_close(k);
}

static void what_create_refuses(void **state) {
    (void)state;
    static const struct {
        const char *who, *json;
        enum err    want;
        const char *field;
    } rows[] = {
        {"disp", "{\"requirement\":\"x\"}", ERR_INPUT, "title"},
        {"disp", "{\"title\":\" \"}", ERR_INPUT, "title"},
        {"disp", "{\"title\":\"x\",\"units\":[\"NONE\"]}", ERR_INPUT, "units"},
        {"disp", "{\"title\":\"x\",\"units\":[\"NP-BB\",\"NP-BB\"]}", ERR_INPUT, "units"},
        {"disp", "{\"title\":\"x\",\"monitoring_units\":[\"NP-SZBM\"]}", ERR_INPUT, "monitoring_units"},
        {"disp", "{\"title\":\"x\",\"units\":[\"NP-BB\"],\"lead_unit\":\"NP-SZB\"}", ERR_INPUT, "lead_unit"},
        {"disp", "{\"title\":\"x\",\"deadline\":\"2018-02-08\"}", ERR_INPUT, "past_reason"},
        {"disp", "{\"title\":\"x\",\"deadline\":\"2018-05-08\",\"long_term\":true}", ERR_INPUT, "long_term"},
        {"disp", "{\"title\":\"x\",\"deadline\":\"2018-02-30\"}", ERR_INPUT, "deadline"},
        {"disp", "{\"title\":\"x\",\"plan\":\"P9\"}", ERR_NOTFOUND, NULL},
        {"disp", "{\"title\":\"x\",\"plan\":\"P1\"}", ERR_PERM, NULL},
        {"disp", "{\"title\":\"x\",\"supervising_unit\":\"NP-ZFB\"}", ERR_PERM, NULL},
        {"disp", "{\"title\":\"x\",\"supervising_unit\":\"NONE\"}", ERR_NOTFOUND, NULL},
        {"appr", "{\"title\":\"x\"}", ERR_PERM, NULL},
        {"bb2", "{\"title\":\"x\"}", ERR_PERM, NULL},
    };
    struct kit *k = open_city();
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        kit_want(k, rows[i].want, rows[i].who, "task.create", rows[i].json);
        if (rows[i].field) assert_string_equal(k->field, rows[i].field);
    }
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM task"), 0);
    kit_want(k, ERR_OK, "zfb", "task.create", "{\"title\":\"x\",\"plan\":\"P1\",\"supervising_unit\":\"NP-XNB\"}");
    assert_int_equal(
        kit_sql_i(
            k,
            "SELECT COUNT(*) FROM task WHERE source_no = '第23次' AND issued_on = '2018-03-09' AND supervising_unit = 'NP-XNB'"),
        1);
    kit_close(k);
}

/* ---- order of refusals ---- */

static void errors_come_in_order(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, TWO);
    const char *stale = js("{\"task_id\":\"%s\",\"version\":1}", id);
    kit_want(k, ERR_AUTH, NULL, "task.accept", stale);
    kit_want(k, ERR_PERM, "bb2", "task.accept", stale);                            /* gate of the role */
    kit_want(k, ERR_INPUT, "disp", "task.accept", js("{\"task_id\":\"%s\"}", id)); /* gate of the parameters: no version */
    kit_want(k, ERR_NOTFOUND, "disp", "task.accept", "{\"task_id\":\"t_none\",\"version\":1}");
    kit_want(k, ERR_NOTFOUND, "rsj", "task.accept", stale); /* not seen: no word about its state */
    kit_want(k, ERR_PERM, "bb", "task.accept", stale);      /* seen, not theirs: before the state */
    kit_want(k, ERR_STATE, "disp", "task.accept", stale);   /* the state: before the version */
    assert_non_null(strstr(k->detail, "已交办（待签收）"));
    assert_non_null(strstr(k->detail, "签收"));
    act(k, ERR_OK, "bb", "sign_for", "");
    act(k, ERR_OK, "szb", "sign_for", "");
    act(k, ERR_OK, "szb", "report", "\"text\":\"进展\"");
    kit_want(k, ERR_PERM, "szb", "task.submit_done", js("{\"task_id\":\"%s\",\"version\":1}", id)); /* assists */
    kit_want(k, ERR_CONFLICT, "bb", "task.submit_done",
             js("{\"task_id\":\"%s\",\"version\":1}", id)); /* the version: before the guards */
    act(k, ERR_INPUT, "bb", "submit_done", "\"evidence\":[\"x\"]");
    assert_string_equal(k->field, "text");
    act(k, ERR_INPUT, "bb", "submit_done", "\"text\":\"x\"");
    assert_string_equal(k->field, "evidence");
    act(k, ERR_OK, "bb", "submit_done", DONE);
    act(k, ERR_INPUT, "disp", "accept", "\"quality\":5");
    assert_string_equal(k->field, "opinion");
    act(k, ERR_INPUT, "disp", "accept", "\"opinion\":\"x\"");
    assert_string_equal(k->field, "quality");
    act(k, ERR_INPUT, "disp", "accept", "\"opinion\":\"x\",\"quality\":6");
    act(k, ERR_INPUT, "disp", "return", "\"reason\":\"  \"");
    act(k, ERR_PERM, "bbmon", "find_false", "\"reason\":\"x\""); /* a responsible unit does not rule on itself (F095) */
    act(k, ERR_INPUT, "ddc", "find_false", "");
    act(k, ERR_OK, "ddc", "find_false", "\"reason\":\"与现场不符\"");
    state_is(k, "submitted");
    kit_close(k);
}

static void nobody_approves_what_they_drafted(void **state) {
    (void)state;
    struct kit *k = open_city();
    create(k, TWO);
    act(k, ERR_OK, "both", "submit_draft", "");
    act(k, ERR_PERM, "both", "approve", "");
    act(k, ERR_OK, "appr", "approve", "");
    kit_close(k);
}

static void the_loser_gets_a_conflict(void **state) {
    (void)state;
    struct kit *k = open_city();
    create(k, TWO);
    const char *same = js("{\"task_id\":\"%s\",\"version\":1,\"title\":\"新标题\"}", id);
    kit_want(k, ERR_OK, "disp", "task.update", same);
    long long before = footprint(k);
    kit_want(k, ERR_CONFLICT, "both", "task.update", same);
    assert_non_null(strstr(k->detail, "3月12日 08:30"));
    assert_int_equal(footprint(k), before);
    act(k, ERR_INPUT, "disp", "update", "");
    act(k, ERR_INPUT, "disp", "update", "\"replace\":{\"NP-BB\":\"NP-GSJ\"}");
    kit_close(k);
}

/* ---- the matrix ---- */

static const char *const all_states[] = {
#define STATE(word, zh) #word,
#include "handlers/task_states.def"
};
static const struct {
    const char *symbol, *word;
} all_events[] = {
#define EVENT(symbol, word, path, zh, versioned) {#symbol, word},
#include "handlers/task_states.def"
};
static const struct {
    const char *from, *event, *when;
} all_rules[] = {
#define RULE(from, event, actor, when, guards, to) {#from, #event, #when},
#include "handlers/task_states.def"
};

/* A row that applies to a task as bring_to makes it, whatever `when` asks. */
static bool in_table(const char *from, const char *event) {
    static const char *const never[] = {"PLACE_OPEN", "PLACES_DROPPED", "DATE_PAST"}; /* bring_to makes none of these */
    for (size_t i = 0; i < ARRAY_N(all_rules); i++) {
        bool skip = false;
        for (size_t n = 0; n < ARRAY_N(never); n++) skip = skip || strcmp(all_rules[i].when, never[n]) == 0;
        if (!skip && strcmp(all_rules[i].from, from) == 0 && strcmp(all_rules[i].event, event) == 0) return true;
    }
    return false;
}

static const struct {
    const char *event, *who, *fields;
} right[] = {
    {"update", "disp", "\"title\":\"新\""},
    {"submit_draft", "disp", ""},
    {"approve", "appr", ""},
    {"reject", "appr", "\"opinion\":\"x\""},
    {"sign_for", "bb", ""},
    {"refuse", "szb", "\"reason\":\"无此职责\""},
    {"report", "bb", "\"text\":\"x\""},
    {"submit_done", "bb", DONE},
    {"accept", "disp", "\"opinion\":\"x\",\"quality\":4"},
    {"return", "disp", "\"reason\":\"x\""},
    {"find_false", "ddc", "\"reason\":\"x\""},
    {"rate", "ddc", "\"reason\":\"x\",\"quality\":4,\"efficiency\":3"},
};

static void every_state_and_act(void **state) {
    (void)state;
    size_t refused = 0, done = 0;
    assert_int_equal(ARRAY_N(right), ARRAY_N(all_events));
    for (size_t s = 0; s < ARRAY_N(all_states); s++) {
        struct kit *k = open_city();
        for (size_t e = 0; e < ARRAY_N(all_events); e++) {
            char was[64];
            assert_string_equal(right[e].event, all_events[e].word);
            bring_to(k, all_states[s]);
            (void)snprintf(was, sizeof was, "%s", all_states[s]);
            bool signs_again =
                strcmp(right[e].event, "sign_for") == 0 &&
                kit_sql_i(k, js("SELECT COUNT(*) FROM task_unit WHERE task = '%s' AND unit = 'NP-BB' AND signed_biz > 0", id)) ==
                    1;
            bool      draft  = strcmp(was, "draft") == 0 || strcmp(was, "pending_approval") == 0;
            bool      unseen = draft && strcmp(right[e].who, "disp") != 0 && strcmp(right[e].who, "appr") != 0;
            bool      ok     = in_table(was, all_events[e].symbol) || signs_again;
            long long old    = footprint(k);
            act(k, ok ? ERR_OK : unseen ? ERR_NOTFOUND : ERR_STATE, right[e].who, right[e].event, right[e].fields);
            if (!ok) state_is(k, was);
            if (!ok) assert_int_equal(footprint(k), old);
            refused += !ok;
            done += ok;
        }
        kit_close(k);
    }
    assert_int_equal(done + refused, ARRAY_N(all_states) * ARRAY_N(all_events));
    assert_true(done >= 20);
}

/* ---- dates ---- */

static void a_task_late_at_creation_gets_a_fresh_date(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, "\"units\":[\"NP-BB\"],\"deadline\":\"2018-02-08\",\"past_reason\":\"方案印发时已过\"");
    assert_string_equal(kit_get(k, "late_at_creation"), "true");
    kit_want(k, ERR_OK, "bb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "light"), "none"); /* no red light, no deduction (F003) */
    act(k, ERR_OK, "bb", "sign_for", "");
    act(k, ERR_INPUT, "disp", "update", "\"deadline\":\"2018-03-01\",\"past_reason\":\"x\"");
    act(k, ERR_OK, "disp", "update", "\"deadline\":\"2018-03-30\"");
    state_is(k, "signed");
    assert_int_equal(
        kit_sql_i(
            k, "SELECT COUNT(*) FROM task_event WHERE event = 'update' AND instr(data, '\"deadline_from\":\"2018-02-08\"') > 0"),
        1);
    kit_want(k, ERR_OK, "bb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "light"), "green");
    assert_string_equal(kit_get(k, "late_at_creation"), "false");
    assert_string_equal(kit_get(k, "deadline"), "2018-03-30");
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.dated' AND person = 'bb'"), 1);
    act(k, ERR_STATE, "disp", "update", "\"deadline\":\"2018-04-30\""); /* once */
    kit_close(k);
}

static void grace_after_a_return_past_the_date(void **state) {
    (void)state;
    struct kit *k = open_city();
    bring_to(k, "submitted"); /* in time */
    kit_time(k, "2018-03-23T10:00:00+08:00");
    act(k, ERR_OK, "disp", "return", "\"reason\":\"材料不全\"");
    assert_string_equal(kit_get(k, "due"), "2018-03-27"); /* Friday + 2 working days */
    kit_want(k, ERR_OK, "bb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "light"), "yellow");
    assert_string_equal(kit_get(k, "days_left"), "2");
    kit_time(k, "2018-03-27T23:00:00+08:00");
    act(k, ERR_OK, "bb", "report", "\"text\":\"x\"");
    act(k, ERR_OK, "bb", "submit_done", DONE);
    assert_string_equal(kit_get(k, "late"), "false");
    kit_time(k, "2018-04-02T10:00:00+08:00");
    act(k, ERR_OK, "disp", "accept", "\"opinion\":\"x\",\"quality\":3");
    assert_string_equal(kit_get(k, "on_time"), "true");
    /* handed in late: no grace */
    kit_time(k, "2018-03-12T08:30:00+08:00");
    bring_to(k, "in_progress");
    kit_time(k, "2018-03-21T10:00:00+08:00");
    act(k, ERR_OK, "bb", "submit_done", DONE);
    assert_string_equal(kit_get(k, "late"), "true");
    act(k, ERR_OK, "disp", "return", "\"reason\":\"材料不全\"");
    assert_string_equal(kit_get(k, "due"), "2018-03-20");
    kit_want(k, ERR_OK, "bb", "task.get", js("{\"task_id\":\"%s\"}", id));
    assert_string_equal(kit_get(k, "light"), "red");
    assert_string_equal(kit_get(k, "days_over"), "1");
    kit_close(k);
}

static void tasks_without_a_date_and_after_it(void **state) {
    (void)state;
    struct kit *k = open_city();
    dispatch(k, "\"units\":[\"NP-BB\"],\"long_term\":true");
    act(k, ERR_OK, "bb", "sign_for", "");
    act(k, ERR_OK, "bb", "report", "\"text\":\"x\"");
    state_is(k, "long_term");
    act(k, ERR_INPUT, "disp", "accept", "");
    act(k, ERR_OK, "disp", "accept", "\"opinion\":\"长期工作已转常态\"");
    state_is(k, "closed");
    bring_to(k, "long_term"); /* continues after its date (F024) */
    assert_int_equal(kit_sql_i(k, "SELECT COUNT(*) FROM notice WHERE kind = 'task.long_term' AND person = 'szb'"), 1);
    act(k, ERR_OK, "szb", "report", "\"text\":\"本月情况\"");
    state_is(k, "long_term");
    act(k, ERR_OK, "disp", "accept", "\"opinion\":\"可以销号\"");
    state_is(k, "closed");
    kit_close(k);
}

static void progress_does_not_fall_without_a_reason(void **state) {
    (void)state;
    struct kit *k = open_city();
    bring_to(k, "in_progress");
    act(k, ERR_OK, "bb", "report", "\"text\":\"x\",\"progress\":60");
    act(k, ERR_INPUT, "bb", "report", "\"text\":\"x\",\"progress\":50");
    assert_string_equal(k->field, "reason");
    act(k, ERR_OK, "bb", "report", "\"text\":\"x\",\"progress\":50,\"reason\":\"重新核定\"");
    act(k, ERR_OK, "bb", "report", "\"text\":\"不带进度\"");
    kit_want(k, ERR_OK, "disp", "task.list", "{}");
    assert_string_equal(kit_get(k, "items.0.progress"), "50");
    kit_close(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_way),
        cmocka_unit_test(history_has_pages),
        cmocka_unit_test(repeated_signature_gets_the_first_answer),
        cmocka_unit_test(late_and_urgent_signatures),
        cmocka_unit_test(calendar_is_never_guessed),
        cmocka_unit_test(refusal_by_the_first_goes_back_to_draft),
        cmocka_unit_test(refusal_after_others_signed_opens_one_place),
        cmocka_unit_test(dropping_the_last_open_place_completes_signing),
        cmocka_unit_test(groups_are_expanded_by_the_dispatcher),
        cmocka_unit_test(a_draft_must_be_complete),
        cmocka_unit_test(what_create_refuses),
        cmocka_unit_test(errors_come_in_order),
        cmocka_unit_test(nobody_approves_what_they_drafted),
        cmocka_unit_test(the_loser_gets_a_conflict),
        cmocka_unit_test(every_state_and_act),
        cmocka_unit_test(a_task_late_at_creation_gets_a_fresh_date),
        cmocka_unit_test(grace_after_a_return_past_the_date),
        cmocka_unit_test(tasks_without_a_date_and_after_it),
        cmocka_unit_test(progress_does_not_fall_without_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
