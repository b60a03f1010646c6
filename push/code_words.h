/* SPDX-License-Identifier: Apache-2.0
 *
 * What a provider's code means, for a person. Pure, any thread.
 */
#ifndef ZB_PUSH_CODE_WORDS_H
#define ZB_PUSH_CODE_WORDS_H

/* detail: as in the records (delivery.detail, attempt.detail, receipt.detail). NULL: nothing is known about it. A literal. */
const char *code_words(const char *detail);

#endif
