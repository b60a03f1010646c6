/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON in and out. Parsing is cJSON's, behind a scan that refuses what cJSON would swallow: too deep, invalid UTF-8, a BOM,
 * control characters as blanks, NUL escapes, lone surrogates, numbers like 01 or 1e999, trailing bytes. A name given twice in an
 * object is kept twice: param_decode refuses it among parameters, further inside the first one counts. Writing streams into a struct buf; commas are placed by the writer. One thread.
 */
#ifndef ZB_BASE_JSON_H
#define ZB_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define JSON_DEPTH_MAX 16

/* Returned: cJSON_Delete. p need not end with NUL. ERR_INPUT; *why a literal for the log and the answer. */
enum err json_parse(const char *p, size_t n, cJSON **out, const char **why) MUST_CHECK;

struct jw {
    struct buf *b;
    bool        comma; /* the next value needs one */
};

void jw_init(struct jw *w, struct buf *b);
void jw_obj(struct jw *w);     /* { */
void jw_obj_end(struct jw *w); /* } */
void jw_arr(struct jw *w);
void jw_arr_end(struct jw *w);
void jw_key(struct jw *w, const char *key); /* key: a literal that needs no escaping */
void jw_str(struct jw *w, const char *s);   /* NULL writes null */
void jw_strn(struct jw *w, const char *s, size_t n);
void jw_int(struct jw *w, int64_t v);
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, const char *json, size_t n); /* a complete JSON value without raw newlines */

/* key and value in one */
void jw_kstr(struct jw *w, const char *key, const char *s);
void jw_kint(struct jw *w, const char *key, int64_t v);
void jw_kbool(struct jw *w, const char *key, bool v);
void jw_kraw(struct jw *w, const char *key, const char *json);
void jw_ktime(struct jw *w, const char *key, int64_t utc_ms); /* ISO 8601 +08:00; 0 writes null */

#endif
