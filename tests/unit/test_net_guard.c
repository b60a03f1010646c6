/* SPDX-License-Identifier: Apache-2.0
 *
 * Which addresses of strangers may be connected to: each range at both ends and just outside, IPv4 carried in IPv6, the operator's
 * list, and URLs that mean another host than they seem to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/check.h"
#include "push/net_guard.h"

static struct net_guard *guard(const char *allow) {
    struct net_guard *g = NULL;
    char              why[200] = "";
    if (net_guard_new(allow, &g, why, sizeof why)) fail_msg("%s: %s", allow, why);
    return g;
}

static bool passes(const struct net_guard *g, const char *text, const char **why) {
    struct sockaddr_in  in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1) return net_guard_addr(g, (const struct sockaddr *)&in4, why);
    if (inet_pton(AF_INET6, text, &in6.sin6_addr) != 1) fail_msg("test: %s", text);
    return net_guard_addr(g, (const struct sockaddr *)&in6, why);
}

static void t_ranges(void **state) {
    (void)state;
    static const struct {
        const char *ip, *word; /* NULL: public */
    } v[] = {
        {"0.0.0.0", "this network"}, {"0.255.255.255", "this network"}, {"1.0.0.0", NULL}, {"9.255.255.255", NULL}, {"10.0.0.0", "private"},
        {"10.255.255.255", "private"}, {"11.0.0.0", NULL}, {"100.63.255.255", NULL}, {"100.64.0.0", "carrier NAT"},
        {"100.127.255.255", "carrier NAT"}, {"100.128.0.0", NULL}, {"126.255.255.255", NULL}, {"127.0.0.1", "loopback"},
        {"127.255.255.255", "loopback"}, {"128.0.0.0", NULL}, {"169.253.255.255", NULL}, {"169.254.169.254", "link-local"},
        {"169.255.0.0", NULL}, {"172.15.255.255", NULL}, {"172.16.0.0", "private"}, {"172.31.255.255", "private"}, {"172.32.0.0", NULL},
        {"192.0.0.170", "protocol"}, {"192.0.1.0", NULL}, {"192.0.2.1", "documentation"}, {"192.0.3.0", NULL}, {"192.88.99.1", "relay"},
        {"192.167.255.255", NULL}, {"192.168.0.1", "private"}, {"192.169.0.0", NULL}, {"198.17.255.255", NULL}, {"198.18.0.0", "benchmark"},
        {"198.19.255.255", "benchmark"}, {"198.20.0.0", NULL}, {"198.51.100.7", "documentation"}, {"203.0.113.255", "documentation"},
        {"203.0.114.0", NULL}, {"223.255.255.255", NULL}, {"224.0.0.1", "multicast"}, {"239.255.255.255", "multicast"},
        {"240.0.0.1", "reserved"}, {"255.255.255.255", "reserved"}, {"8.8.8.8", NULL},
        {"::", "unspecified"}, {"::1", "loopback"}, {"fc00::1", "private"}, {"fdff::1", "private"}, {"fe80::1", "link-local"},
        {"febf::1", "link-local"}, {"fec0::1", "site-local"}, {"ff02::1", "multicast"}, {"2001:db8::1", "documentation"},
        {"3fff::1", "documentation"}, {"2001::1", "protocol"}, {"2001:1ff::1", "protocol"}, {"2001:200::1", NULL}, {"100::1", "discard"},
        {"2400:3200::1", NULL}, {"2606:4700::1", NULL}, {"4000::1", "not assigned"}, {"5f00::1", "segment routing"}, {"1::1", "not assigned"},
        {"64:ff9b:1::1", "local translation"},
        /* what they carry decides */
        {"::ffff:10.0.0.1", "private"}, {"::ffff:127.0.0.1", "loopback"}, {"::ffff:8.8.8.8", NULL}, {"::ffff:169.254.169.254", "link-local"},
        {"64:ff9b::a00:1", "private"}, {"64:ff9b::808:808", NULL}, {"2002:7f00:1::1", "loopback"}, {"2002:c0a8:1::1", "private"},
        {"2002:808:808::1", NULL}, {"::127.0.0.1", "loopback"}, {"::10.1.2.3", "private"}, {"::2", "this network"},
    };
    struct net_guard *g = guard("");
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        const char *why = "unset";
        bool        ok  = passes(g, v[i].ip, &why);
        if (ok != (v[i].word == NULL) || (why && v[i].word && strcmp(why, v[i].word) != 0)) fail_msg("%s: %s", v[i].ip, why ? why : "public");
    }
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    assert_false(net_guard_addr(g, (const struct sockaddr *)&un, NULL));
    net_guard_free(g);
}

static void t_list(void **state) {
    (void)state;
    struct net_guard *g = guard("10.1.0.0/16, fd00:1::/64 192.168.7.9\thooks.city.example,fe80::5");
    static const struct {
        const char *ip;
        bool        ok;
    } v[] = {
        {"10.1.0.0", true}, {"10.1.255.255", true}, {"10.2.0.0", false}, {"10.0.255.255", false}, {"192.168.7.9", true}, {"192.168.7.8", false},
        {"fd00:1::9", true}, {"fd00:1:0:1::9", false}, {"::ffff:10.1.0.1", true}, {"::ffff:10.2.0.1", false}, {"64:ff9b::a01:1", false},
        {"2002:a01:1::1", false}, {"fe80::5", true}, {"fe80::6", false}, {"127.0.0.1", false},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++)
        if (passes(g, v[i].ip, NULL) != v[i].ok) fail_msg("%s", v[i].ip);
    net_guard_free(g);

    static const char *const bad[] = {"0.0.0.0/0", "10.0.0.0/7", "::/0", "fd00::/15", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0/8",
                                      "fd00::/129", "-a.example", "a..b", "host/8", "a_b", "1.2.3", "*.example"};
    for (size_t i = 0; i < ARRAY_N(bad); i++) {
        char why[200] = "";
        g             = NULL;
        if (net_guard_new(bad[i], &g, why, sizeof why) != ERR_INPUT || why[0] == '\0' || g) fail_msg("taken: %s", bad[i]);
    }
    char many[65 * 9 + 1], why[200];
    for (size_t i = 0; i < 65; i++) memcpy(many + i * 9, "10.0.0.1 ", 10);
    assert_int_equal(net_guard_new(many, &g, why, sizeof why), ERR_INPUT);
}

static void t_url(void **state) {
    (void)state;
    struct net_guard *g = guard("10.1.0.0/16 intern.example");
    static const struct {
        const char *url;
        bool        ok, settled;
    } v[] = {
        {"https://hooks.example.com/x?y#z", true, false}, {"https://hooks.example.com", true, false}, {"http://a:8080/", true, false},
        {"https://intern.example/", true, true}, {"HTTPS://INTERN.example:8443/x", true, true}, {"https://intern.example.evil.com/", true, false},
        {"https://10.1.2.3/", true, true}, {"https://10.2.2.3/", false, false}, {"https://8.8.8.8:443/", true, true},
        {"https://127.0.0.1/", false, false}, {"https://[::1]/", false, false}, {"https://[::1]:80/", false, false},
        {"https://[::ffff:127.0.0.1]/", false, false}, {"https://[2400:3200::1]:8443/", true, true}, {"https://[fe80::1%25eth0]/", false, false},
        {"https://localhost/", false, false}, {"https://a.LOCALHOST/", false, false},
        /* other spellings of an address */
        {"http://2130706433/", false, false}, {"http://0x7f000001/", false, false}, {"http://127.1/", false, false}, {"http://0177.0.0.1/", false, false},
        {"http://127.0.0.1./", false, false}, {"http://1.2.3.4.5/", false, false}, {"http://127.0.0.0x1/", false, false},
        /* not what they seem */
        {"https://intern.example@evil.com/", false, false}, {"https://evil.com\\@intern.example/", false, false}, {"https:///x", false, false},
        {"https://", false, false}, {"https://a:0/", false, false}, {"https://a:65536/", false, false}, {"https://a:/", false, false},
        {"https://a:80:80/", false, false}, {"https://[::1/", false, false}, {"https://[::1]x/", false, false}, {"ftp://a/", false, false},
        {"//a/", false, false}, {"", false, false}, {"https://a b/", false, false}, {"https://a/\r\nx", false, false},
        {"https://\xE5\x8D\x97.cn/", false, false}, {"https://a%2eb/", false, false}, {"https://a..b/", false, false}, {"https://-a/", false, false},
        {"https://a?@intern.example/", true, false}, {"https://[]/", false, false},
    };
    for (size_t i = 0; i < ARRAY_N(v); i++) {
        bool        settled = true;
        const char *why    = NULL;
        enum err    e      = net_guard_url(g, v[i].url, &settled, &why);
        if ((e == ERR_OK) != v[i].ok || (v[i].ok && settled != v[i].settled) || why == NULL) fail_msg("%s", v[i].url);
    }
    net_guard_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(t_ranges), cmocka_unit_test(t_list), cmocka_unit_test(t_url)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
