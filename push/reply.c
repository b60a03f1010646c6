/* SPDX-License-Identifier: Apache-2.0 */
#include "push/reply.h"

#include <string.h>

#define WORD_MAX 32

/* Letters small, full-width forms narrow, blanks and punctuation left out. False: too long for any word. */
static bool bare(const char *s, char out[WORD_MAX]) {
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)s; *p;) {
        unsigned c = *p;
        if (c == 0xEF && p[1] >= 0xBC && p[1] <= 0xBD && p[2]) { /* U+FF00..FF7F */
            unsigned u = 0xF000U | (p[1] & 0x3FU) << 6 | (p[2] & 0x3FU);
            c          = u >= 0xFF01U && u <= 0xFF5EU ? u - 0xFEE0U : ' ';
            p += 3;
        } else if (c == 0xE3 && p[1] == 0x80 && p[2]) { /* U+3000..303F: blank and punctuation */
            c = ' ';
            p += 3;
        } else {
            p++;
        }
        if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
        bool keep = c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
        if (!keep) continue;
        if (n + 1 >= WORD_MAX) return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return true;
}

bool reply_is_refusal(const char *text) {
    static const char *const words[] = {"td", "t", "r", "n", "qx", "tdhf", "退订", "拒收", "取消", "取消订阅", "回复td", "0000", "00000"};
    char                     word[WORD_MAX];
    if (!bare(text, word)) return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], word) == 0) return true;
    return false;
}

bool reply_number(const char *phone, char out[12]) {
    static const char *const front[] = {"+86", "0086", "86"};
    for (size_t i = 0; i < sizeof front / sizeof front[0]; i++) {
        size_t n = strlen(front[i]);
        if (strncmp(phone, front[i], n) == 0 && strlen(phone) == n + 11) {
            phone += n;
            break;
        }
    }
    if (strlen(phone) != 11 || strspn(phone, "0123456789") != 11 || phone[0] != '1') return false;
    memcpy(out, phone, 12);
    return true;
}
