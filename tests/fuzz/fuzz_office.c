/* SPDX-License-Identifier: Apache-2.0
 *
 * What office messengers may answer and post: the first byte chooses the kind and the question, the second the HTTP status, the rest is
 * the body. Posts come as they are, with the rest as query, and sealed and signed as by somebody who knows the keys, so that what lies
 * behind the cryptography is reached too.
 */
#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/evp.h>
#include <openssl/sha.h>
#undef ERR_STATE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "push/office.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define AES  "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
#define CORP "ww0123456789abcdef"
#define WALL 1767323045000LL

static struct provider *kind[4];
static char             dir[64];

static void secret(struct conf_section *s, const char *name, const char *value) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    MUST(f && fputs(value, f) >= 0 && fclose(f) == 0);
    conf_section_set(s, name, path, 0);
}

static void made(size_t i, struct conf_section *s) {
    char why[400] = "";
    if (provider_new(s, &kind[i], why, sizeof why)) {
        (void)fprintf(stderr, "%s\n", why);
        abort();
    }
}

static void once(void) {
    struct conf          c;
    struct conf_section *s;
    char                 cmd[128];
    if (kind[0]) return;
    conf_defaults(&c);
    (void)snprintf(dir, sizeof dir, "/tmp/zb.fuzz.XXXXXX");
    MUST(mkdtemp(dir) != NULL);
    s = conf_section_add(&c, "provider", "w");
    conf_section_set(s, "kind", "wecom", 0);
    conf_section_set(s, "corp_id", CORP, 0);
    conf_section_set(s, "agent_id", "1", 0);
    conf_section_set(s, "open_url", "https://x", 0);
    secret(s, "secret_file", "s");
    secret(s, "callback_token_file", "t");
    secret(s, "callback_key_file", AES);
    made(0, s);
    s = conf_section_add(&c, "provider", "d");
    conf_section_set(s, "kind", "dingtalk", 0);
    conf_section_set(s, "app_key", "k", 0);
    conf_section_set(s, "agent_id", "1", 0);
    conf_section_set(s, "open_url", "https://x", 0);
    secret(s, "app_secret_file", "s");
    made(1, s);
    s = conf_section_add(&c, "provider", "f");
    conf_section_set(s, "kind", "feishu", 0);
    conf_section_set(s, "app_id", "a", 0);
    conf_section_set(s, "open_url", "https://x", 0);
    secret(s, "app_secret_file", "s");
    secret(s, "encrypt_key_file", "e");
    made(2, s);
    s = conf_section_add(&c, "provider", "h");
    conf_section_set(s, "kind", "webhook", 0);
    secret(s, "secret_file", "0123456789abcdef");
    made(3, s);
    conf_fini(&c);
    (void)snprintf(cmd, sizeof cmd, "rm -rf %s", dir);
    MUST(system(cmd) == 0);
}

static void sane(const struct push_answer *a) {
    MUST((unsigned)a->verdict < V_MAX && a->wait_ms >= 0 && memchr(a->ref, '\0', sizeof a->ref) && memchr(a->detail, '\0', sizeof a->detail));
}

static void answers(struct provider *p, struct arena *a, unsigned what, const struct http_answer *r) {
    const struct provider_kind *k  = provider_kind(p);
    struct push_msg             m  = {.id = "d-1", .attempt = 1, .target = "u1", .title = "t", .text = "x", .object = "", .signature = ""};
    struct push_answer          out = {.verdict = V_MAX};
    struct push_receipt         rc;
    const char                 *cred = NULL;
    int64_t                     life = 0;
    if (what == 0) k->answer(p, a, &m, r, WALL, &out);
    else if (what == 1 && k->cred_answer) {
        k->cred_answer(p, a, r, &cred, &life, &out);
        MUST((out.verdict == V_SENT) == (cred && life > 0));
    } else if (what == 2 && k->poll_answer) {
        k->poll_answer(p, a, &m, "7", r, WALL, &rc, &out);
        MUST((unsigned)rc.verdict < V_MAX && rc.ref && rc.id && rc.detail);
    } else if (what == 3 && k->raise_answer) k->raise_answer(p, a, &m, "7", RAISE_PHONE, r, WALL, &out);
    else return;
    sane(&out);
}

/* AES-256-CBC, padded to blocks, base64. */
static char *seal(struct arena *a, const uint8_t key[32], const uint8_t iv[16], const uint8_t *p, size_t n, size_t block, size_t head) {
    size_t          pad = block - n % block;
    uint8_t        *in = arena_alloc(a, n + pad), *out = arena_alloc(a, head + n + pad + 16);
    EVP_CIPHER_CTX *c   = EVP_CIPHER_CTX_new();
    int             len = 0;
    memcpy(in, p, n);
    memset(in + n, (int)pad, pad);
    memcpy(out, iv, head);
    MUST(EVP_EncryptInit_ex(c, EVP_aes_256_cbc(), NULL, key, iv) == 1);
    (void)EVP_CIPHER_CTX_set_padding(c, 0);
    MUST(EVP_EncryptUpdate(c, out + head, &len, in, (int)(n + pad)) == 1);
    EVP_CIPHER_CTX_free(c);
    return office_b64_encode(a, out, head + n + pad);
}

static void post(struct provider *p, struct arena *a, const char *query, const struct http_header *h, size_t h_n, const char *body, size_t n) {
    struct push_receipt *list;
    size_t               list_n;
    const char          *reply;
    if (provider_kind(p)->receipts == NULL || provider_kind(p)->receipts(p, a, query, h, h_n, body, n, WALL, &list, &list_n, &reply)) return;
    MUST(reply != NULL && list_n <= 100);
    for (size_t i = 0; i < list_n; i++) MUST(list[i].ref && list[i].id && list[i].detail && (list[i].ref[0] || list[i].id[0]));
}

static void wecom(struct arena *a, const uint8_t *data, size_t n) {
    uint8_t  key[32], *p = arena_alloc(a, 20 + n + sizeof CORP);
    char     sig[41];
    MUST(office_aes_key(AES, key));
    p[18] = (uint8_t)(n >> 8);
    p[19] = (uint8_t)n;
    memcpy(p + 20, data, n);
    memcpy(p + 20 + n, CORP, sizeof CORP - 1);
    const char *b64 = seal(a, key, key, p, 20 + n + sizeof CORP - 1, 32, 0);
    office_wecom_signature("t", "1", "2", b64, sig);
    const char *body = arena_printf(a, "<xml><Encrypt><![CDATA[%s]]></Encrypt></xml>", b64);
    post(kind[0], a, arena_printf(a, "msg_signature=%s&timestamp=1&nonce=2", sig), NULL, 0, body, strlen(body));
}

static void feishu(struct arena *a, const uint8_t *data, size_t n) {
    uint8_t key[32];
    char    sig[65];
    (void)SHA256((const uint8_t *)"e", 1, key);
    const char *body = arena_printf(a, "{\"encrypt\":\"%s\"}", seal(a, key, key, data, n, 16, 16));
    office_feishu_signature("1", "2", "e", body, strlen(body), sig);
    const struct http_header h[] = {{"x-lark-request-timestamp", "1"}, {"x-lark-request-nonce", "2"}, {"x-lark-signature", sig}};
    post(kind[2], a, "", h, 3, body, strlen(body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const int status[] = {200, 400, 401, 403, 404, 429, 500, 503};
    if (n < 2 || n > 32768) return 0;
    once();
    struct arena *a    = arena_new(1 << 20);
    char         *body = x_strndup((const char *)data + 2, n - 2); /* an answer ends with NUL, and may hold one */
    char         *copy = x_malloc(n - 2 + 1);
    memcpy(copy, data + 2, n - 2);
    copy[n - 2]            = '\0';
    struct http_answer r   = {.status = status[data[1] % ARRAY_N(status)], .body = copy, .body_n = n - 2};
    struct provider   *p   = kind[data[0] % 4];
    unsigned           what = data[0] / 4 % 8;
    if (what < 4) answers(p, a, what, &r);
    else if (what == 4) post(p, a, body, NULL, 0, copy, n - 2);
    else if (what == 5) wecom(a, data + 2, n - 2);
    else if (what == 6) feishu(a, data + 2, n - 2);
    else (void)office_xml(a, copy, n - 2, "Encrypt");
    x_free(copy);
    x_free(body);
    arena_free(a);
    return 0;
}
