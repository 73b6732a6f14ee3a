#include "keyring.h"

bool hg_posix_keys(const char *path, const char *outlet, hg_keyring_t *requests, hg_keyring_t *ballots);
