/* SPDX-License-Identifier: Apache-2.0
 *
 * National cryptography against published and foreign vectors, and against tampering.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/sm.h"
#include "base/text.h"

static size_t unhex(const char *hex, uint8_t *out, size_t cap) {
    size_t n = 0;
    assert_int_equal(hex_decode(out, cap, hex, strlen(hex), &n), ERR_OK);
    return n;
}

static void t_sm3(void **state) {
    (void)state;
    static const struct {
        const char *text, *hex;
        int         times;
    } v[] = {
        {"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0", 1}, /* GB/T 32905 A.1 */
        {"abcd", "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732", 16}, /* A.2 */
        {"", "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b", 1},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        char    text[128] = "", hex[65];
        uint8_t out[32];
        for (int k = 0; k < v[i].times; k++) memcpy(text + strlen(v[i].text) * (size_t)k, v[i].text, strlen(v[i].text) + 1);
        sm3(text, strlen(text), out);
        hex_encode(hex, out, 32);
        assert_string_equal(hex, v[i].hex);
    }
}

/* HMAC by its definition, with keys shorter than, equal to, and longer than a block of 64 bytes. */
static void t_hmac(void **state) {
    (void)state;
    static const size_t lens[] = {0, 1, 32, 63, 64, 65, 200};
    for (size_t i = 0; i < ARRAY_N(lens); i++) {
        uint8_t key[200], block[64] = {0}, in[64 + 11], out[64 + 32], want[32], got[32];
        memset(key, 0xA5, sizeof key);
        if (lens[i] > 64)
            sm3(key, lens[i], block);
        else
            memcpy(block, key, lens[i]);
        for (int k = 0; k < 64; k++) in[k] = block[k] ^ 0x36, out[k] = block[k] ^ 0x5c;
        memcpy(in + 64, "hello world", 11);
        sm3(in, sizeof in, out + 64);
        sm3(out, sizeof out, want);
        sm3_hmac(key, lens[i], "hello world", 11, got);
        assert_memory_equal(got, want, 32);
    }
}

/* Key and signature of GM/T 0003.5-2012 A.2, which uses the identifier of GM/T 0009; and one made by the openssl program
 * (pkeyutl -sign -rawin -digest sm3 -pkeyopt distid:1234567812345678). */
static const struct {
    const char *pub, *msg, *sig;
} sm2_v[] = {
    {"0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13",
     "message digest",
     "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"},
    {"04584b57ac030ec8fc23c33208b4c347793084057e856ca6ed249ab6e4cf812de89b555311ce743339efcfbfb60f6a3f5f2e6b7fe608ecdd5c2bf245ab4ded5009",
     "南平掌办\n督查",
     "c342cdb0144aceb3aab3bc268ab07a1eb5db06e8fc85cb4839ea696cfde4c11e9c86c78442eecc1e20a61180439467a0cf0e7e9a4aee37a11536c5e61c5c1d12"},
};

static void t_sm2_vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_N(sm2_v); i++) {
        uint8_t pub[65], sig[64];
        unhex(sm2_v[i].pub, pub, sizeof pub);
        unhex(sm2_v[i].sig, sig, sizeof sig);
        assert_int_equal(sm2_pub_check(pub), ERR_OK);
        assert_int_equal(sm2_verify(pub, sm2_v[i].msg, strlen(sm2_v[i].msg), sig), ERR_OK);
        for (size_t k = 0; k < 64; k += 7) {
            sig[k] ^= 1;
            assert_int_equal(sm2_verify(pub, sm2_v[i].msg, strlen(sm2_v[i].msg), sig), ERR_SIG);
            sig[k] ^= 1;
        }
        assert_int_equal(sm2_verify(pub, sm2_v[i].msg, strlen(sm2_v[i].msg) - 1, sig), ERR_SIG);
        pub[64] ^= 1;
        assert_int_equal(sm2_pub_check(pub), ERR_INPUT);
        assert_int_equal(sm2_verify(pub, sm2_v[i].msg, strlen(sm2_v[i].msg), sig), ERR_SIG);
    }
}

static void t_sm2_sign(void **state) {
    (void)state;
    uint8_t priv[32], pub[65], sig[64], again[64], other_priv[32], other[65], big[5000];
    assert_int_equal(sm2_keygen(priv, pub), ERR_OK);
    assert_int_equal(sm2_keygen(other_priv, other), ERR_OK);
    assert_memory_not_equal(priv, other_priv, 32);
    memset(big, 'x', sizeof big);
    static const size_t lens[] = {0, 1, 55, 56, 64, sizeof big};
    for (size_t i = 0; i < ARRAY_N(lens); i++) {
        assert_int_equal(sm2_sign(priv, pub, big, lens[i], sig), ERR_OK);
        assert_int_equal(sm2_verify(pub, big, lens[i], sig), ERR_OK);
        assert_int_equal(sm2_verify(other, big, lens[i], sig), ERR_SIG);
    }
    assert_int_equal(sm2_sign(priv, pub, "m", 1, again), ERR_OK);
    assert_int_equal(sm2_sign(priv, pub, "m", 1, sig), ERR_OK);
    assert_memory_not_equal(sig, again, 64); /* k never repeats */
}

static void t_sm2_range(void **state) {
    (void)state;
    static const char n[]     = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";
    static const char n_1[]   = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122";
    static const char all[]   = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
    static const char zero[]  = "0000000000000000000000000000000000000000000000000000000000000000";
    static const char one[]   = "0000000000000000000000000000000000000000000000000000000000000001";
    static const char *bad[][2] = {{zero, one}, {one, zero}, {n, one}, {one, n}, {all, one}, {one, all}, {n_1, one}};
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        uint8_t pub[65], sig[64];
        unhex(sm2_v[0].pub, pub, sizeof pub);
        unhex(bad[i][0], sig, 32);
        unhex(bad[i][1], sig + 32, 32);
        assert_int_equal(sm2_verify(pub, "message digest", 14, sig), ERR_SIG);
    }
    uint8_t pub[65] = {4}; /* the point at infinity, and points off the curve */
    assert_int_equal(sm2_pub_check(pub), ERR_INPUT);
    memset(pub + 1, 0xFF, 64);
    assert_int_equal(sm2_pub_check(pub), ERR_INPUT);
    unhex(sm2_v[0].pub, pub, sizeof pub);
    pub[0] = 2;
    assert_int_equal(sm2_pub_check(pub), ERR_INPUT);
}

static void t_sm2_der(void **state) {
    (void)state;
#define R31 "11111111111111111111111111111111111111111111111111111111111111"
    static const struct {
        const char *hex;
        enum err    e;
    } v[] = {
        {"3006020101020101", ERR_OK},
        {"3044022001" R31 "022002" R31, ERR_OK},
        {"3045022100c1" R31 "022002" R31, ERR_OK},   /* top bit set: one zero in front */
        {"3043021f11" "111111111111111111111111111111111111111111111111111111111111" "022002" R31, ERR_OK},
        {"3006020100020101", ERR_INPUT},             /* r = 0 */
        {"3006020101020100", ERR_INPUT},             /* s = 0 */
        {"3007020101020200" "01", ERR_INPUT},        /* not minimal */
        {"30070202000102" "0101", ERR_INPUT},
        {"3006020181020101", ERR_INPUT},             /* negative */
        {"300602010102010100", ERR_INPUT},           /* trailing byte outside */
        {"3007020101020101" "00", ERR_INPUT},        /* trailing byte inside */
        {"308106020101020101", ERR_INPUT},           /* long form of a short length */
        {"3080020101020101" "0000", ERR_INPUT},      /* indefinite length */
        {"3106020101020101", ERR_INPUT},             /* a set */
        {"3006020101030101", ERR_INPUT},             /* s is no integer */
        {"3005020101020101", ERR_INPUT},
        {"3006020101020201", ERR_INPUT},             /* s longer than what is there */
        {"3006020001020101", ERR_INPUT},             /* empty integer */
        {"3045022100fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123022002" R31, ERR_INPUT}, /* r = n */
        {"304602220100" "01" R31 "022002" R31, ERR_INPUT}, /* 34 bytes */
        {"30", ERR_INPUT},
        {"", ERR_INPUT},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        uint8_t der[120], sig[64];
        size_t  n    = unhex(v[i].hex, der, sizeof der);
        uint8_t *own = malloc(n ? n : 1); /* of its own size: a byte too far is seen */
        memcpy(own, der, n);
        enum err e = sm2_sig_from_der(own, n, sig);
        free(own);
        if (e != v[i].e) print_error("%s\n", v[i].hex);
        assert_int_equal(e, v[i].e);
    }
    uint8_t sig[64], want[64] = {0}, der[] = {0x30, 6, 2, 1, 5, 2, 1, 7};
    assert_int_equal(sm2_sig_from_der(der, sizeof der, sig), ERR_OK);
    want[31] = 5, want[63] = 7;
    assert_memory_equal(sig, want, 64);
}

static void put(const char *path, const char *text) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void t_key_file(void **state) {
    (void)state;
    char        dir[] = "/tmp/zbsm.XXXXXX", path[64], text[300], a[65], b[131];
    uint8_t     priv[32], pub[65], priv2[32], pub2[65], other[32], other_pub[65];
    struct stat st;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/key", dir);
    assert_int_equal(sm2_keygen(priv, pub), ERR_OK);
    assert_int_equal(sm2_keygen(other, other_pub), ERR_OK);
    assert_int_equal(sm2_key_load(path, priv2, pub2), ERR_NOTFOUND);
    assert_int_equal(sm2_key_save(path, priv, pub), ERR_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_nlink, 1); /* no temporary left */
    assert_int_equal(sm2_key_save(path, other, other_pub), ERR_STORE); /* never replaced */
    assert_int_equal(sm2_key_load(path, priv2, pub2), ERR_OK);
    assert_memory_equal(priv, priv2, 32);
    assert_memory_equal(pub, pub2, 65);
    hex_encode(a, priv, 32);
    hex_encode(b, other_pub, 65);
    (void)snprintf(text, sizeof text, "%s\n%s\n", a, b);
    put(path, text); /* the private key of somebody else */
    assert_int_equal(sm2_key_load(path, priv2, pub2), ERR_INPUT);
    put(path, "");
    assert_int_equal(sm2_key_load(path, priv2, pub2), ERR_INPUT);
    text[100] = 'g';
    put(path, text);
    assert_int_equal(sm2_key_load(path, priv2, pub2), ERR_INPUT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sm2_key_save("/nonexistent/key", priv, pub), ERR_STORE);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left */
}

static void t_seal(void **state) {
    (void)state;
    uint8_t        master[32] = {1, 2, 3}, out[1200], back[1200], first[100];
    struct sm4_key k, k2, k3;
    size_t         n, m;
    sm4_key_derive(&k, 1, master);
    sm4_key_derive(&k2, 2, master);
    assert_memory_not_equal(k.enc, k2.enc, 16);
    assert_memory_not_equal(k.enc, k.mac, 16);
    static const char plain[] = "13800138000 张三";
    static const size_t lens[] = {0, 1, 15, 16, 17, sizeof plain - 1, 1000};
    uint8_t big[1000];
    memset(big, 'q', sizeof big);
    memcpy(big, plain, sizeof plain - 1);
    for (size_t i = 0; i < ARRAY_N(lens); i++) {
        assert_int_equal(sm4_seal(&k, big, lens[i], out, sizeof out, &n), ERR_OK);
        assert_int_equal(n, lens[i] + SM4_EXTRA);
        assert_int_equal(sm4_open(&k, out, n, back, sizeof back, &m), ERR_OK);
        assert_int_equal(m, lens[i]);
        assert_memory_equal(back, big, m);
        if (m) assert_int_equal(sm4_open(&k, out, n, back, m - 1, &m), ERR_TOOBIG);
        assert_int_equal(sm4_seal(&k, big, lens[i], out, lens[i] + SM4_EXTRA - 1, &n), ERR_TOOBIG);
    }
    size_t len = sizeof plain - 1;
    assert_int_equal(sm4_seal(&k, plain, len, out, sizeof out, &n), ERR_OK);
    memcpy(first, out, n);
    for (size_t i = 0; i < n; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            out[i] ^= (uint8_t)(1u << bit);
            assert_int_equal(sm4_open(&k, out, n, back, sizeof back, &m), ERR_SIG);
            out[i] ^= (uint8_t)(1u << bit);
        }
    }
    for (size_t i = 0; i < n; i++) assert_int_equal(sm4_open(&k, out, i, back, sizeof back, &m), ERR_SIG);
    assert_int_equal(sm4_open(&k2, out, n, back, sizeof back, &m), ERR_SIG);
    master[31] ^= 1;
    sm4_key_derive(&k3, 1, master); /* same id, other master */
    assert_int_equal(sm4_open(&k3, out, n, back, sizeof back, &m), ERR_SIG);
    assert_int_equal(sm4_seal(&k, plain, len, out, sizeof out, &n), ERR_OK);
    assert_memory_not_equal(out + 1, first + 1, 16); /* a nonce of its own */
}

/* The SM4 under the seal is the standard one: encrypting the counter block by the key of the standard gives its ciphertext. */
static void t_sm4_vector(void **state) {
    (void)state;
    struct sm4_key k = {.id = 1};
    uint8_t        sealed[SM4_EXTRA + 16] = {1}, plain[16], mac[32];
    char           hex[33];
    size_t         n;
    unhex("0123456789abcdeffedcba9876543210", k.enc, 16);
    unhex("0123456789abcdeffedcba9876543210", sealed + 1, 16); /* nonce = first counter block; ciphertext of zeros = key stream */
    sm3_hmac(k.mac, 32, sealed, 33, mac);
    memcpy(sealed + 33, mac, 16);
    assert_int_equal(sm4_open(&k, sealed, sizeof sealed, plain, sizeof plain, &n), ERR_OK);
    hex_encode(hex, plain, 16);
    assert_string_equal(hex, "681edf34d206965e86b3e94f536e4246");
}

static void t_equal(void **state) {
    (void)state;
    assert_true(ct_equal("abc", "abc", 3));
    assert_false(ct_equal("abc", "abd", 3));
    assert_true(ct_equal("abc", "abd", 2));
    assert_true(ct_equal("", "", 0));
    uint8_t a[32] = {0}, b[32] = {0};
    random_bytes(a, 32);
    random_bytes(b, 32);
    assert_memory_not_equal(a, b, 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_sm3),      cmocka_unit_test(t_hmac),     cmocka_unit_test(t_sm2_vectors), cmocka_unit_test(t_sm2_sign),
        cmocka_unit_test(t_sm2_range), cmocka_unit_test(t_sm2_der), cmocka_unit_test(t_key_file),    cmocka_unit_test(t_seal),
        cmocka_unit_test(t_sm4_vector), cmocka_unit_test(t_equal),
    };
    return cmocka_run_group_tests_name("sm", tests, NULL, NULL);
}
