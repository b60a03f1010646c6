/* SPDX-License-Identifier: Apache-2.0
 *
 * What came of a delivery in words for people: the trace of a message and the list of a must-read notice say the same. Pure, any thread.
 */
#ifndef ZB_HANDLERS_DELIVERY_WORDS_H
#define ZB_HANDLERS_DELIVERY_WORDS_H

const char *delivery_channel_zh(const char *channel); /* "app" is 掌办; an unknown word comes back as it is */
const char *delivery_reason_zh(const char *verdict);  /* "" for an unknown one */

#endif
