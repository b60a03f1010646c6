/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http_head.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"

#define LENGTH_DIGITS 15

enum head_scan http_head_scan(const char *p, size_t n, size_t from, size_t *end) {
    for (size_t i = from; i < n; i++) {
        if (p[i] == '\0') return HEAD_BAD;
        if (i > 0 && p[i - 1] == '\r' && p[i] != '\n') return HEAD_BAD;
        if (p[i] != '\n') continue;
        if (i == 0 || p[i - 1] != '\r') return HEAD_BAD;
        if (i >= 3 && p[i - 2] == '\n') {
            *end = i + 1;
            return HEAD_END;
        }
    }
    return HEAD_MORE;
}

static bool is_token_char(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *s) {
    if (*s == '\0') return false;
    for (; *s; s++)
        if (!is_token_char((unsigned char)*s)) return false;
    return true;
}

/* ---- request line ---- */
static const struct {
    const char    *name;
    enum http_verb verb;
    int            refuse;
} methods[] = {{"GET", HTTP_GET, 0},       {"HEAD", HTTP_HEAD, 0},     {"POST", HTTP_POST, 0},
               {"PUT", HTTP_PUT, 0},       {"DELETE", HTTP_DELETE, 0}, {"OPTIONS", HTTP_OPTIONS, 0},
               {"PATCH", HTTP_OTHER, 405}, {"TRACE", HTTP_OTHER, 405}, {"CONNECT", HTTP_OTHER, 405}};

static int method(const char *name, struct http_head *h) {
    for (size_t i = 0; i < ARRAY_N(methods); i++)
        if (strcmp(methods[i].name, name) == 0) {
            h->verb = methods[i].verb;
            return methods[i].refuse;
        }
    return is_token(name) ? 501 : 400;
}

/* Host or host:port; what a URI allows there. An empty one is legal for HTTP but names nothing here. */
static bool is_host(const char *s) {
    if (*s == '\0' || strlen(s) > 255) return false;
    for (; *s; s++)
        if (!((*s >= '0' && *s <= '9') || ((*s | 32) >= 'a' && (*s | 32) <= 'z') || strchr("-._~!$&'()*+,;=%:[]", *s)))
            return false;
    return true;
}

static int target(char *t, struct http_head *h, const char **authority) {
    size_t n = strlen(t);
    if (n > TARGET_BYTES) return 414;
    for (size_t i = 0; i < n; i++)
        if (t[i] <= 0x20 || t[i] == 0x7f || t[i] == '#' || t[i] == '"' || t[i] == '<' || t[i] == '>')
            return 400;                      /* also 0x80 and up */
    if (strncasecmp(t, "http://", 7) == 0) { /* absolute form: its authority stands for Host */
        char *slash = t + 7 + strcspn(t + 7, "/?");
        if (slash == t + 7 || *slash != '/') return 400;
        memmove(t, t + 7, (size_t)(slash - t) - 7);
        slash[-7]  = '\0';
        *authority = t;
        t          = slash;
    }
    if (strcmp(t, "*") == 0 && h->verb == HTTP_OPTIONS) {
        h->path  = t;
        h->query = "";
        return 0;
    }
    if (*t != '/') return 400;
    h->path = t;
    char *q = strchr(t, '?');
    if (q) *q = '\0';
    h->query = q ? q + 1 : "";
    return 0;
}

static int request_line(char *line, struct http_head *h, const char **authority) {
    char *sp = strchr(line, ' '), *sp2 = sp ? strchr(sp + 1, ' ') : NULL;
    if (sp == NULL || sp2 == NULL || strchr(sp2 + 1, ' ')) return 400;
    *sp           = '\0';
    *sp2          = '\0';
    const char *v = sp2 + 1;
    if (strncmp(v, "HTTP/", 5) != 0 || strlen(v) != 8 || v[5] < '0' || v[5] > '9' || v[6] != '.' || v[7] < '0' || v[7] > '9')
        return 400;
    if (strcmp(v, "HTTP/1.1") != 0 && strcmp(v, "HTTP/1.0") != 0) return 505;
    h->v11     = v[7] == '1';
    int status = method(line, h);
    return status ? status : target(sp + 1, h, authority);
}

/* ---- headers ---- */
static bool next_element(const char **list, const char **e, size_t *n) {
    const char *p = *list + strspn(*list, " \t,");
    if (*p == '\0') return false;
    *e    = p;
    *n    = strcspn(p, ",");
    *list = p + *n;
    while (*n && ((*e)[*n - 1] == ' ' || (*e)[*n - 1] == '\t')) (*n)--;
    return true;
}

static bool list_has(const char *list, const char *word) {
    const char *e;
    size_t      n;
    while (next_element(&list, &e, &n))
        if (n == strlen(word) && strncasecmp(e, word, n) == 0) return true;
    return false;
}

/* Digits only: "+2", "0x2", "2, 2" and an empty one are other parsers' traps. */
static int content_length(const char *v, struct http_head *h) {
    size_t n = strlen(v);
    if (n == 0 || strspn(v, "0123456789") != n) return 400;
    h->has_length = true;
    if (n > LENGTH_DIGITS) return 413;
    for (; *v; v++) h->length = h->length * 10 + (uint64_t)(*v - '0');
    return 0;
}

#define FIELD(name, member)                                                                                                      \
    { name, offsetof(struct http_head, member) }
static const struct {
    const char *name;
    size_t      at;
} singles[] = {FIELD("host", host),
               FIELD("authorization", authorization),
               FIELD("idempotency-key", idempotency_key),
               FIELD("content-type", content_type),
               FIELD("origin", origin),
               FIELD("if-none-match", if_none_match),
               FIELD("x-zb-key", zb_key),
               FIELD("x-zb-time", zb_time),
               FIELD("x-zb-nonce", zb_nonce),
               FIELD("x-zb-sign", zb_sign),
               FIELD("sec-websocket-key", ws_key),
               FIELD("sec-websocket-version", ws_version),
               FIELD("access-control-request-method", ac_method)};

/* transfer-encoding is only noted: what it means depends on the rest of the head. */
static int header(const char *name, const char *value, struct http_head *h, bool *encoded, bool *close) {
    for (size_t i = 0; i < ARRAY_N(singles); i++) {
        if (strcasecmp(singles[i].name, name) != 0) continue;
        const char **field = (const char **)(void *)((char *)h + singles[i].at);
        if (*field) return 400; /* twice */
        *field = value;
        return 0;
    }
    if (strcasecmp(name, "content-length") == 0) return h->has_length ? 400 : content_length(value, h);
    if (strcasecmp(name, "transfer-encoding") == 0) *encoded = true;
    if (strcasecmp(name, "accept") == 0) h->accept = value;
    if (strcasecmp(name, "x-forwarded-for") == 0) h->forwarded_for = value;
    if (strcasecmp(name, "upgrade") == 0 && list_has(value, "websocket")) h->upgrade_ws = true;
    if (strcasecmp(name, "connection") == 0) {
        if (list_has(value, "close")) *close = true;
        if (list_has(value, "upgrade")) h->connection_upgrade = true;
    }
    if (strcasecmp(name, "expect") == 0) {
        if (strcasecmp(value, "100-continue") != 0) return 417;
        h->expect_100 = true;
    }
    return 0;
}

static int header_line(char *line, struct http_head *h, bool *encoded, bool *close) {
    char *colon = strchr(line, ':');
    if (colon == NULL) return 400;
    *colon = '\0';
    if (!is_token(line)) return 400; /* also a folded line, an empty name, a blank before the colon */
    char *v = colon + 1 + strspn(colon + 1, " \t");
    for (char *p = v; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f) return 400;
    size_t n = strlen(v);
    while (n && (v[n - 1] == ' ' || v[n - 1] == '\t')) v[--n] = '\0';
    return header(line, v, h, encoded, close);
}

static int check_whole(struct http_head *h, const char *authority, bool encoded) {
    if (h->host == NULL ? h->v11 : !is_host(h->host)) return 400;
    if (authority) {
        if (!is_host(authority)) return 400;
        h->host = authority;
    }
    if (encoded) return h->has_length || !h->v11 ? 400 : 411;
    bool may_carry = h->verb == HTTP_POST || h->verb == HTTP_PUT || h->verb == HTTP_DELETE;
    if (h->length && !may_carry) return 400;
    if (!h->has_length && (h->verb == HTTP_POST || h->verb == HTTP_PUT)) return 411;
    return 0;
}

int http_head_parse(char *p, size_t n, struct http_head *h) {
    const char *authority = NULL;
    bool        encoded = false, close = false;
    int         first = 0; /* the first fault names the status; later lines may still be worse only for us */
    unsigned    lines = 0;
    memset(h, 0, sizeof *h);
    MUST(n >= 4 && memcmp(p + n - 4, "\r\n\r\n", 4) == 0);
    for (char *line = p, *end = p + n - 2; line < end; lines++) {
        char *eol = memchr(line, '\r', (size_t)(end - line));
        *eol      = '\0';
        if (lines > HEADERS_MAX) return 431;
        int status = lines == 0 ? request_line(line, h, &authority) : header_line(line, h, &encoded, &close);
        if (status && lines == 0) return status;
        if (status && first == 0) first = status;
        line = eol + 2;
    }
    if (first) return first;
    h->keep_alive = h->v11 && !close;
    return check_whole(h, authority, encoded);
}

/* ---- WebSocket handshake ---- */
bool http_same_origin(const char *origin, const char *host) {
    if (host == NULL) return false;
    const char *port;
    if (strncasecmp(origin, "http://", 7) == 0) {
        origin += 7;
        port = ":80";
    } else if (strncasecmp(origin, "https://", 8) == 0) {
        origin += 8;
        port = ":443";
    } else {
        return false;
    }
    size_t on = strlen(origin), hn = strlen(host), pn = strlen(port);
    if (on > pn && strcmp(origin + on - pn, port) == 0) on -= pn;
    if (hn > pn && strcmp(host + hn - pn, port) == 0) hn -= pn;
    return on == hn && on > 0 && strncasecmp(origin, host, on) == 0;
}

bool http_ws_key_valid(const char *key) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return strlen(key) == 24 && strspn(key, digits) == 22 && strcmp(key + 22, "==") == 0 && strchr("AQgw", key[21]) != NULL;
}
