/* Little-endian numbers and counted texts into bytes that a code is computed over. The caller knows they fit; returned is
 * the place behind them. */
#ifndef HEARTHGRID_BYTES_H
#define HEARTHGRID_BYTES_H

#include <stddef.h>
#include <stdint.h>

uint8_t *hg_put(uint8_t *to, uint64_t value, size_t bytes);
uint8_t *hg_put_text(uint8_t *to, const char *text, size_t length);

#endif
