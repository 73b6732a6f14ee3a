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

/* The keys of an outlet and of the home in the home's key file. False: the file cannot be read, or is none. */
bool hg_posix_keys(const char *path, const char *outlet, hg_keyring_t *requests, hg_keyring_t *ballots);
bool hg_posix_keys_text(const char *content, const char *outlet, hg_keyring_t *requests, hg_keyring_t *ballots);

/* A flash of two sectors in a file; what was written is on the disk. No file name: sector 0. */
bool hg_posix_flash(const char *folder, const char *id, const char *part, uint32_t sector, uint32_t slot,
                    hg_flash_t *flash);
void hg_posix_flash_close(void);

typedef struct {
  double (*monotonic)(void), (*wall)(void); /* [s] */
} hg_posix_clocks_t;

/* The node without the program's loop: one at a time. clocks: NULL = this machine's. False, with a line on stderr: its
 * settings cannot be. */
bool hg_node_begin(const char *settings, const hg_posix_clocks_t *clocks);

/* One turn: what came, what is due, what goes out; waits for at most so long [s]. */
void hg_node_step(double wait_max);

/* Look at the key file, where the last look is a second ago. */
void hg_node_keys(double now);

/* In good order: the relay to where nobody has to watch over it, everything kept. */
void hg_node_end(void);

struct hg_app *hg_node_app(void);

#endif
