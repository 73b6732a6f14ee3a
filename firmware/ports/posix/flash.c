#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix.h"

/* A flash's context is a place in here. */
typedef struct {
  int file;
  uint32_t sector;
} medium_t;

static medium_t media[HG_KEEPS];
static size_t opened;

static bool whole(ssize_t done, size_t count) { return done >= 0 && (size_t)done == count; }

static bool flash_read(void *context, uint32_t at, uint8_t *out, uint32_t count)
{
  return whole(pread(((const medium_t *)context)->file, out, count, (off_t)at), count);
}

static bool flash_program(void *context, uint32_t at, const uint8_t *bytes, uint32_t count)
{
  return whole(pwrite(((const medium_t *)context)->file, bytes, count, (off_t)at), count);
}

static bool flash_sync(void *context) { return fdatasync(((const medium_t *)context)->file) == 0; }

static bool flash_erase(void *context, uint32_t sector)
{
  const medium_t *m = context;
  uint8_t ones[1024];
  memset(ones, 0xff, sizeof ones);
  for (uint32_t at = 0; at < m->sector; at += sizeof ones) {
    if (!whole(pwrite(m->file, ones, sizeof ones, (off_t)(sector * m->sector + at)), sizeof ones)) {
      return false;
    }
  }
  return flash_sync(context);
}

void hg_posix_flash_close(void)
{
  while (opened > 0) {
    close(media[--opened].file);
  }
}

bool hg_posix_flash(const char *folder, const char *id, const char *part, uint32_t sector, uint32_t slot,
                    hg_flash_t *flash)
{
  char path[2 * HG_PATH];
  struct stat found;
  memset(flash, 0, sizeof *flash);
  if (folder[0] == 0 || opened == HG_KEEPS) {
    return true;
  }
  mkdir(folder, 0700);
  snprintf(path, sizeof path, "%s/%s.%s.flash", folder, id, part);
  medium_t *m = &media[opened];
  *m = (medium_t){.file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), .sector = sector};
  if (m->file < 0 || fstat(m->file, &found) != 0) {
    fprintf(stderr, "hearthgrid: %s cannot be opened: %s; nothing is kept\n", path, strerror(errno));
    return false;
  }
  opened++;
  *flash = (hg_flash_t){.read = flash_read, .program = flash_program, .erase = flash_erase, .sync = flash_sync,
                        .context = m, .sector = sector, .slot = slot};
  /* A new file, or one whose making was cut off, is a flash that was never written. */
  return found.st_size >= (off_t)(2 * sector) || (flash_erase(m, 0) && flash_erase(m, 1));
}
