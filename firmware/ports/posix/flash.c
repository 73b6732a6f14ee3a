#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix.h"

#define SECTOR 16384U

static int files[HG_KEEPS]; /* descriptors; a flash's context is a place in here */
static size_t opened;

static bool whole(ssize_t done, size_t count) { return done >= 0 && (size_t)done == count; }

static bool flash_read(void *context, uint32_t at, uint8_t *out, uint32_t count)
{
  return whole(pread(*(int *)context, out, count, (off_t)at), count);
}

static bool flash_program(void *context, uint32_t at, const uint8_t *bytes, uint32_t count)
{
  return whole(pwrite(*(int *)context, bytes, count, (off_t)at), count) && fdatasync(*(int *)context) == 0;
}

static bool flash_erase(void *context, uint32_t sector)
{
  uint8_t ones[1024];
  memset(ones, 0xff, sizeof ones);
  for (uint32_t at = 0; at < SECTOR; at += sizeof ones) {
    if (!whole(pwrite(*(int *)context, ones, sizeof ones, (off_t)(sector * SECTOR + at)), sizeof ones)) {
      return false;
    }
  }
  return fdatasync(*(int *)context) == 0;
}

void hg_posix_flash_close(void)
{
  while (opened > 0) {
    close(files[--opened]);
  }
}

bool hg_posix_flash(const char *folder, const char *id, const char *part, uint32_t slot, hg_flash_t *flash)
{
  char path[2 * HG_PATH];
  struct stat found;
  memset(flash, 0, sizeof *flash);
  if (folder[0] == 0 || opened == HG_KEEPS) {
    return true;
  }
  mkdir(folder, 0700);
  snprintf(path, sizeof path, "%s/%s.%s.flash", folder, id, part);
  int *file = &files[opened];
  *file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (*file < 0 || fstat(*file, &found) != 0) {
    fprintf(stderr, "hearthgrid: %s cannot be opened: %s; nothing is kept\n", path, strerror(errno));
    return false;
  }
  opened++;
  *flash = (hg_flash_t){.read = flash_read, .program = flash_program, .erase = flash_erase, .context = file,
                        .sector = SECTOR, .slot = slot};
  /* A new file, or one whose making was cut off, is a flash that was never written. */
  return found.st_size >= (off_t)(2 * SECTOR) || (flash_erase(file, 0) && flash_erase(file, 1));
}
