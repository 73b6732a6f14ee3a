/* The outlet as a program: settings from a file, flash as files, one thread. */
#ifndef HEARTHGRID_POSIX_H
#define HEARTHGRID_POSIX_H

#include "comms.h"

#define HG_PATH 512

typedef struct {
  hg_app_settings_t app;
  char home[64], state_dir[HG_PATH], keys_file[HG_PATH];
} hg_posix_settings_t;

/* Read `path`: a name and its value a line, `#` begins a remark. False, with one line on stderr, when it cannot be. A
 * name that a Python outlet has and this one has not is passed over with a line. */
bool hg_posix_read(const char *path, hg_posix_settings_t *settings);

/* The newest key in force at `wall` of `name` ("" = the home's) in the home's key file; 0 = it has none.
 * SIZE_MAX: the file cannot be read. */
size_t hg_posix_key(const char *path, const char *name, double wall, uint8_t key[HG_KEY_MAX]);

/* A flash of two sectors in a file; what was written is on the disk. No file name: sector 0. */
bool hg_posix_flash(const char *folder, const char *id, const char *part, uint32_t slot, hg_flash_t *flash);

#endif
