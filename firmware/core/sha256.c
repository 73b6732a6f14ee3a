#include "sha256.h"

#include <string.h>

static const uint32_t ROUNDS[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turned(uint32_t word, unsigned bits) { return (word >> bits) | (word << (32U - bits)); }

static void take(uint32_t state[8], const uint8_t block[HG_SHA256_BLOCK])
{
  uint32_t w[64], v[8];
  for (size_t k = 0; k < 16; k++) {
    w[k] = (uint32_t)block[4 * k] << 24 | (uint32_t)block[4 * k + 1] << 16 | (uint32_t)block[4 * k + 2] << 8 |
           block[4 * k + 3];
  }
  for (size_t k = 16; k < 64; k++) {
    const uint32_t a = w[k - 15], b = w[k - 2];
    w[k] = w[k - 16] + w[k - 7] + (turned(a, 7) ^ turned(a, 18) ^ (a >> 3)) +
           (turned(b, 17) ^ turned(b, 19) ^ (b >> 10));
  }
  memcpy(v, state, sizeof v);
  for (size_t k = 0; k < 64; k++) {
    const uint32_t one = v[7] + (turned(v[4], 6) ^ turned(v[4], 11) ^ turned(v[4], 25)) +
                         ((v[4] & v[5]) ^ (~v[4] & v[6])) + ROUNDS[k] + w[k];
    const uint32_t two = (turned(v[0], 2) ^ turned(v[0], 13) ^ turned(v[0], 22)) +
                         ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += one;
    v[0] = one + two;
  }
  for (size_t k = 0; k < 8; k++) {
    state[k] += v[k];
  }
}

void hg_sha256_init(hg_sha256_t *hash)
{
  static const uint32_t START[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(hash->state, START, sizeof START);
  hash->length = 0;
}

void hg_sha256_update(hg_sha256_t *hash, const uint8_t *data, size_t length)
{
  for (size_t k = 0; k < length; k++) {
    hash->block[hash->length % HG_SHA256_BLOCK] = data[k];
    hash->length++;
    if (hash->length % HG_SHA256_BLOCK == 0) {
      take(hash->state, hash->block);
    }
  }
}

void hg_sha256_final(hg_sha256_t *hash, uint8_t digest[HG_SHA256_BYTES])
{
  static const uint8_t PAD[HG_SHA256_BLOCK] = {0x80};
  const uint64_t bits = hash->length * 8;
  const size_t used = (size_t)(hash->length % HG_SHA256_BLOCK);
  uint8_t tail[8];
  for (size_t k = 0; k < 8; k++) {
    tail[k] = (uint8_t)(bits >> (56 - 8 * k));
  }
  hg_sha256_update(hash, PAD, (used < 56 ? 56 : 120) - used);
  hg_sha256_update(hash, tail, sizeof tail);
  for (size_t k = 0; k < HG_SHA256_BYTES; k++) {
    digest[k] = (uint8_t)(hash->state[k / 4] >> (24 - 8 * (k % 4)));
  }
}

void hg_hmac_sha256(const uint8_t *key, size_t key_length, const uint8_t *data, size_t length,
                    uint8_t digest[HG_SHA256_BYTES])
{
  uint8_t pad[HG_SHA256_BLOCK] = {0};
  hg_sha256_t hash;
  hg_sha256_init(&hash);
  if (key_length > HG_SHA256_BLOCK) {
    hg_sha256_update(&hash, key, key_length);
    hg_sha256_final(&hash, pad);
    hg_sha256_init(&hash);
  } else if (key_length > 0) {
    memcpy(pad, key, key_length);
  }
  for (size_t k = 0; k < sizeof pad; k++) {
    pad[k] ^= 0x36;
  }
  hg_sha256_update(&hash, pad, sizeof pad);
  hg_sha256_update(&hash, data, length);
  hg_sha256_final(&hash, digest);
  for (size_t k = 0; k < sizeof pad; k++) {
    pad[k] ^= 0x36 ^ 0x5c;
  }
  hg_sha256_init(&hash);
  hg_sha256_update(&hash, pad, sizeof pad);
  hg_sha256_update(&hash, digest, HG_SHA256_BYTES);
  hg_sha256_final(&hash, digest);
}
