/* SPDX-License-Identifier: Apache-2.0
 *
 * What the makers of phones may answer, to a message and to a request for a credential. First byte: the kind, and with 0x80 the
 * answer to a credential; second byte: the HTTP status; the rest is the body.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ERR_STATE openssl_err_state /* a typedef of OpenSSL bears the name of one of our errors */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#undef ERR_STATE

#include "base/check.h"
#include "push/provider.h"

#define TOKEN "token-of-a-phone"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const sections[][12] = {
    {"kind", "huawei", "app_id", "1", "secret_file", "@"},
    {"kind", "huawei3", "key_file", "@"},
    {"kind", "honor", "app_id", "1", "client_id", "2", "secret_file", "@"},
    {"kind", "xiaomi", "package", "a.b", "channel_id", "1", "secret_file", "@"},
    {"kind", "oppo", "app_key", "k", "secret_file", "@"},
    {"kind", "vivo", "app_id", "1", "app_key", "k", "secret_file", "@"},
};
#define KINDS (sizeof sections / sizeof sections[0])
static struct provider *made[KINDS];
static struct arena    *arena;
static const int        statuses[] = {200, 200, 200, 200, 201, 302, 400, 401, 403, 404, 429, 500, 502, 503, 504, 0};

/* What @ stands for: a secret, or the key of a service account. */
static void secret(const char *path, int is_key) {
    FILE *f = fopen(path, "w");
    MUST(f);
    if (is_key) {
        EVP_PKEY *key = EVP_RSA_gen(2048);
        BIO      *bio = BIO_new(BIO_s_mem());
        char     *pem;
        MUST(key && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
        long len = BIO_get_mem_data(bio, &pem);
        MUST(fputs("{\"project_id\":\"1\",\"key_id\":\"2\",\"sub_account\":\"3\",\"private_key\":\"", f) >= 0);
        for (long i = 0; i < len; i++) MUST(fputs(pem[i] == '\n' ? "\\n" : (char[]){pem[i], '\0'}, f) >= 0);
        MUST(fputs("\"}", f) >= 0);
        BIO_free(bio);
        EVP_PKEY_free(key);
    } else {
        MUST(fputs("secret", f) >= 0);
    }
    MUST(fclose(f) == 0);
}

static void make(void) {
    arena = arena_new(1 << 20);
    for (size_t i = 0; i < KINDS; i++) {
        char                 path[] = "/tmp/zb-fuzz-vendor-XXXXXX", why[400];
        struct conf          conf   = {.sections = NULL};
        struct conf_section *s      = conf_section_add(&conf, "provider", "fuzz");
        int                  fd     = mkstemp(path);
        MUST(fd >= 0 && close(fd) == 0);
        secret(path, i == 1);
        for (const char *const *o = sections[i]; o[0]; o += 2) conf_section_set(s, o[0], strcmp(o[1], "@") == 0 ? path : o[1], 1);
        MUST(provider_new(s, &made[i], why, sizeof why) == ERR_OK);
        MUST(unlink(path) == 0);
        conf_fini(&conf);
    }
}

static void check(const struct push_answer *out, const char *detail_may_not) {
    MUST((unsigned)out->verdict < V_MAX && out->wait_ms >= 0 && out->wait_ms <= 86400000);
    MUST(memchr(out->detail, 0, sizeof out->detail) && memchr(out->ref, 0, sizeof out->ref));
    for (const char *s = out->ref; *s; s++) MUST(*s > 0x20 && *s < 0x7f);
    for (const char *s = out->detail; *s; s++) MUST(*s >= 0x20 && *s < 0x7f);
    MUST(*out->detail && strstr(out->detail, detail_may_not) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const struct push_msg m = {.id         = "d-1",
                                      .attempt    = 1,
                                      .notice     = "n-1",
                                      .target     = TOKEN,
                                      .target_key = "",
                                      .app        = "",
                                      .kind       = "",
                                      .title      = "t",
                                      .text       = "x",
                                      .object     = "task:1",
                                      .signature  = "",
                                      .ttl_s      = 60};
    if (made[0] == NULL) make();
    if (n < 2 || n > HTTP_ANSWER_MAX) return 0;
    struct provider            *p = made[(data[0] & 0x7fU) % KINDS];
    const struct provider_kind *k = provider_kind(p);
    arena_reset(arena);
    char              *body = arena_strndup(arena, (const char *)data + 2, n - 2);
    struct http_answer r    = {.status = statuses[data[1] % 16], .lost = (data[1] & 16) != 0, .body = body, .body_n = n - 2};
    struct push_answer out  = {.verdict = V_MAX};
    memcpy(body, data + 2, n - 2); /* with the NULs in it */
    if (data[0] & 0x80U) {
        const char *cred = NULL;
        int64_t     life = 0;
        if (k->cred_answer == NULL) return 0;
        k->cred_answer(p, arena, &r, &cred, &life, &out);
        check(&out, TOKEN);
        MUST((out.verdict == V_SENT) == (cred != NULL) && out.verdict != V_UNKNOWN && out.verdict != V_AUTH);
        if (cred == NULL) return 0;
        MUST(life >= 60000 && life <= 86400000 && *cred && strlen(cred) <= 2048);
        for (const char *s = cred; *s; s++) MUST(*s > 0x20 && *s < 0x7f);
        return 0;
    }
    k->answer(p, arena, &m, &r, 1520820000000, &out);
    check(&out, TOKEN);
    if (out.verdict == V_SENT) MUST(r.status >= 200 && r.status <= 299);
    return 0;
}
