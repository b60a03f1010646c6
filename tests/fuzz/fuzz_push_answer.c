/* SPDX-License-Identifier: Apache-2.0
 *
 * What Apple, Firebase and a stranger's push service may answer: any status, header and body. First byte: which kind and what is asked
 * of it; two bytes: the status; then Retry-After up to a line break; then the body.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ERR_STATE openssl_err_state
#include <openssl/evp.h>
#include <openssl/pem.h>
#undef ERR_STATE

#include "base/check.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "push/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct provider *apns, *fcm, *webpush;
static struct arena    *a;

/* A file that lives as long as the process, without a name. */
static const char *file_of(const char *text, size_t n, char path[64]) {
    int fd = memfd_create("key", 0);
    MUST(fd >= 0 && write(fd, text, n) == (ssize_t)n);
    (void)snprintf(path, 64, "/proc/self/fd/%d", fd);
    return path;
}

static char *pem_of(EVP_PKEY *k, size_t *n) {
    BIO *bio = BIO_new(BIO_s_mem());
    char *p;
    MUST(k && PEM_write_bio_PKCS8PrivateKey(bio, k, NULL, NULL, 0, NULL, NULL) == 1);
    *n        = (size_t)BIO_get_mem_data(bio, &p);
    char *out = x_strndup(p, *n);
    BIO_free(bio);
    EVP_PKEY_free(k);
    return out;
}

static struct provider *make(const char *const *pairs) {
    struct conf          c = {0};
    struct conf_section *s = conf_section_add(&c, "provider", "fuzz");
    struct provider     *p = NULL;
    char                 why[256];
    for (size_t i = 0; pairs[i]; i += 2) conf_section_set(s, pairs[i], pairs[i + 1], 1);
    MUST(provider_new(s, &p, why, sizeof why) == ERR_OK);
    conf_fini(&c);
    return p;
}

static void init(void) {
    char       ec[64], json[64];
    size_t     n;
    char      *pem = pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), &n);
    struct buf b;
    struct jw  w;
    file_of(pem, n, ec);
    x_free(pem);
    pem = pem_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048), &n);
    buf_init(&b, 1 << 16);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "client_email", "x@y");
    jw_kstr(&w, "project_id", "city");
    jw_kstr(&w, "private_key", pem);
    jw_obj_end(&w);
    file_of(buf_str(&b), b.len, json);
    buf_fini(&b);
    x_free(pem);
    apns    = make((const char *[]){"kind", "apns", "key_file", ec, "key_id", "K", "team_id", "T", "topic", "B", NULL});
    fcm     = make((const char *[]){"kind", "fcm", "key_file", json, NULL});
    webpush = make((const char *[]){"kind", "webpush", "vapid_key_file", ec, "subject", "mailto:x", NULL});
    a       = arena_new(1 << 20);
}

static void check(const struct push_answer *out) {
    MUST((unsigned)out->verdict < V_MAX);
    MUST(out->wait_ms >= 0 && out->wait_ms <= 24LL * 3600 * 1000 && out->gone_wall_ms >= 0);
    MUST(strlen(out->ref) < sizeof out->ref && strlen(out->detail) < sizeof out->detail);
    MUST(utf8_valid(out->ref, strlen(out->ref)) && text_is_clean(out->ref, strlen(out->ref), false) && text_is_clean(out->detail, strlen(out->detail), false));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const struct push_msg m = {.id = "d_1", .attempt = 1, .notice = "n_1", .target = "00ff", .target_key = "", .app = "", .kind = "task.closed", .title = "t",
                                      .text = "x", .object = "task:1", .signature = "", .priority = 1};
    if (a == NULL) init();
    if (n < 3) return 0;
    const uint8_t *end    = memchr(data + 3, '\n', n - 3);
    size_t         head_n = end ? (size_t)(end - data - 3) : 0, from = end ? head_n + 4 : 3;
    char          *head = x_strndup((const char *)data + 3, head_n), *body = x_calloc(1, n - from + 1);
    if (n > from) memcpy(body, data + from, n - from);
    struct http_header  h[2]  = {{"retry-after", head}, {"apns-id", head}};
    int                 status = data[1] << 8 | data[2];
    struct http_answer  r     = {.status = status % 700, .lost = data[0] & 16, .header = h, .headers_n = data[0] & 32 ? 2 : 0, .body = body, .body_n = n - from};
    struct push_answer  out   = {.verdict = V_MAX};
    struct provider    *p     = (data[0] & 3) == 0 ? apns : (data[0] & 3) == 1 ? fcm : webpush;
    if ((data[0] & 3) == 3) {
        const char *cred = NULL;
        int64_t     life = 0;
        provider_kind(fcm)->cred_answer(fcm, a, &r, &cred, &life, &out);
        MUST((out.verdict == V_SENT) == (cred != NULL && *cred && life > 0));
        if (cred) MUST(text_is_clean(cred, strlen(cred), false) && strchr(cred, ' ') == NULL);
    } else {
        provider_kind(p)->answer(p, a, &m, &r, 1520812800000LL, &out);
        MUST(out.verdict != V_SENT || (r.status >= 200 && r.status < 300));
    }
    check(&out);
    arena_reset(a);
    x_free(head);
    x_free(body);
    return 0;
}
