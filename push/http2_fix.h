/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl 7.88 (Debian 12) sends RST_STREAM after every HTTP/2 answer that ends by END_STREAM without Content-Length, as Apple's do: it
 * forgets that the stream is closed already (fixed in 8.0). A peer that counts resets, as nghttp2 does since "rapid reset" (a burst of 1000,
 * then 33 a second), ends the connection with GOAWAY every thousand pushes. So this house has its own nghttp2_submit_rst_stream: the
 * dynamic linker gives it to libcurl; it drops resets of streams that nghttp2 no longer knows, and passes on all others (cancels).
 */
#ifndef ZB_PUSH_HTTP2_FIX_H
#define ZB_PUSH_HTTP2_FIX_H

#include <stdint.h>

/* Finds the real functions; before the first request. Any thread. */
void http2_fix_init(void);
/* How many were dropped: 0 after many answers says that libcurl is newer, or linked in a way this does not reach. */
uint64_t http2_fix_dropped(void);

#endif
