/* SHA-256 (FIPS 180-4) and HMAC over it (RFC 2104). */
#ifndef HEARTHGRID_SHA256_H
#define HEARTHGRID_SHA256_H

#include "common.h"

#define HG_SHA256_BLOCK 64
#define HG_SHA256_BYTES 32

typedef struct {
  uint32_t state[8];
  uint64_t length; /* bytes taken */
  uint8_t block[HG_SHA256_BLOCK];
} hg_sha256_t;

void hg_sha256_init(hg_sha256_t *hash);
void hg_sha256_update(hg_sha256_t *hash, const uint8_t *data, size_t length);
void hg_sha256_final(hg_sha256_t *hash, uint8_t digest[HG_SHA256_BYTES]);

void hg_hmac_sha256(const uint8_t *key, size_t key_length, const uint8_t *data, size_t length,
                    uint8_t digest[HG_SHA256_BYTES]);

#endif
