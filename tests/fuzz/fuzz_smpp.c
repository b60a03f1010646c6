/* SPDX-License-Identifier: Apache-2.0
 *
 * What a gateway may send over SMPP: a stream of frames.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) { return frames(&LINK_SMPP, data, n); }
