/* SPDX-License-Identifier: Apache-2.0
 *
 * What a gateway may send: a stream of frames into every decoder of CMPP 2.0 and 3.0, and the text of what it carries.
 * The first byte chooses: odd adds the same bytes as UTF-8 to be sent.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "push/cmpp_codec.h"
#include "push/sms_text.h"
#include "tests/fuzz/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void content(const uint8_t *p, size_t n, uint8_t fmt, bool udhi) {
    struct sms_concat c;
    struct buf        out;
    size_t            skip = udhi ? sms_udh(p, n, &c) : 0;
    MUST(skip <= n);
    buf_init(&out, 4096);
    if (sms_decode(fmt, p + skip, n - skip, &out) == ERR_OK && out.len > 0) {
        MUST(!out.failed);
        MUST(fmt == SMS_FMT_GBK || sms_parts(buf_str(&out)) > 0); /* what we decode, we could send */
    } else {
        MUST(out.len == 0);
    }
    buf_fini(&out);
}

static void one(const uint8_t *p, size_t n) {
    struct cmpp_connect_resp cr;
    struct cmpp_submit_resp  sr;
    struct cmpp_deliver      d;
    struct cmpp_report       r;
    const uint8_t            auth[16] = {0};
    static const uint8_t     versions[] = {CMPP_V20, CMPP_V30};

    if (cmpp_decode_connect_resp(p, n, &cr) == ERR_OK) (void)cmpp_connect_resp_is_authentic(&cr, auth, "1234");
    (void)!cmpp_decode_submit_resp(p, n, &sr);
    for (size_t i = 0; i < sizeof versions; i++) {
        if (cmpp_decode_deliver(p, n, versions[i], &d) != ERR_OK) continue;
        MUST(d.content >= p && d.content + d.content_n <= p + n);
        MUST(strlen(d.src) < sizeof d.src && strlen(d.dest_id) < sizeof d.dest_id);
        content(d.content, d.content_n, d.fmt, d.udhi);
        if (cmpp_decode_report(d.content, d.content_n, &r) == ERR_OK) MUST(strlen(r.stat) < 8 && strlen(r.phone) < 33);
    }
}

static void text(const uint8_t *data, size_t n) {
    struct sms_part part[SMS_PARTS_MAX];
    size_t          parts_n;
    char           *s    = x_strndup((const char *)data, n);
    enum err        e    = sms_split(s, 9, part, SMS_PARTS_MAX, &parts_n);
    struct buf      back;
    MUST((e == ERR_OK ? parts_n : 0) == sms_parts(s));
    buf_init(&back, 1 << 16);
    for (size_t i = 0; e == ERR_OK && i < parts_n; i++) {
        size_t skip = parts_n > 1 ? 6 : 0;
        MUST(part[i].len <= 140 && part[i].len > skip);
        MUST(sms_decode(SMS_FMT_UCS2, part[i].b + skip, part[i].len - skip, &back) == ERR_OK); /* no pair was cut */
    }
    MUST(e != ERR_OK || strcmp(buf_str(&back), s) == 0);
    buf_fini(&back);
    x_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    struct cmpp_head h;
    size_t           off = 1, len;
    if (n == 0) return 0;
    while (wire_frame_next(data + off, n - off, CMPP_HEAD_BYTES, CMPP_PDU_MAX, &len) == WIRE_OK) {
        cmpp_head(data + off, len, &h);
        MUST(h.len == len && len >= CMPP_HEAD_BYTES && off + len <= n);
        uint8_t *copy = x_malloc(h.len); /* of its own size, so that a byte too far is seen */
        memcpy(copy, data + off, h.len);
        one(copy, h.len);
        x_free(copy);
        off += h.len;
    }
    (void)frames(&LINK_CMPP, data + 1, n - 1);
    if (data[0] & 1) text(data + 1, n - 1);
    return 0;
}
