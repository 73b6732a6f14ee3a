#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "posix.h"

#define LINE 1024

typedef enum { REAL, FLAG, BYTE, SHORT, WHOLE } kind_t;

typedef struct {
  const char *name;
  kind_t kind;
  void *to;
} row_t;

static bool put(const row_t *row, const char *text)
{
  char *end;
  const double value = strcmp(text, "true") == 0 ? 1.0 : strcmp(text, "false") == 0 ? 0.0 : strtod(text, &end);
  if (isnan(value)) {
    return false;
  }
  switch (row->kind) {
    case REAL: *(double *)row->to = value; break;
    case FLAG: *(bool *)row->to = value > 0.0; break;
    case BYTE: *(uint8_t *)row->to = (uint8_t)(value >= 0.0 && value < 256.0 ? value : 255.0); break;
    case SHORT: *(uint16_t *)row->to = (uint16_t)(value >= 0.0 && value < 65536.0 ? value : 65535.0); break;
    default: *(int *)row->to = (int)value; break;
  }
  return true;
}

static void text(char *to, size_t room, const char *from)
{
  memset(to, 0, room);
  memcpy(to, from, strlen(from) < room ? strlen(from) : room - 1);
}

/* days start end on power_max */
static bool rule(hg_schedule_t *schedule, const char *value)
{
  unsigned days, start, end, on;
  double power_max;
  if (schedule->count == HG_SCHEDULE_ENTRIES ||
      sscanf(value, "%u %u %u %u %lf", &days, &start, &end, &on, &power_max) != 5) {
    return false;
  }
  schedule->entries[schedule->count++] = (hg_entry_t){.days = (uint8_t)days, .start = (uint16_t)start,
                                                      .end = (uint16_t)end, .on = on != 0, .power_max = power_max};
  return true;
}

static bool committee(hg_app_settings_t *s, char *value)
{
  char *rest = NULL;
  for (char *name = strtok_r(value, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
    if (s->committee_count == HG_COMMITTEE_SIZE_MAX || strlen(name) > HG_MEMBER_LENGTH) {
      return false;
    }
    text(s->committee[s->committee_count++], HG_MEMBER_LENGTH + 1, name);
  }
  return true;
}

#define KIND(type) (sizeof(type) == sizeof(bool) ? FLAG : sizeof(type) == sizeof(int) ? WHOLE : REAL)
#define OF(type, name, value, low, high) {#name, KIND(type), &SETTINGS.name},

static bool named(hg_posix_settings_t *s, const char *name, char *value)
{
  hg_app_settings_t *a = &s->app;
  if (strcmp(name, "id") == 0) { /* before all others: it brings the defaults */
    hg_app_defaults(a, value);
    a->save_period = 10.0;
    a->shedding.again = 0.49; /* a block's length: see local_shedding.rule */
    return value[0] != 0 && strlen(value) <= HG_MEMBER_LENGTH;
  }
  const row_t rows[] = {
    {"priority", BYTE, &a->priority}, {"rank", SHORT, &a->rank}, {"deferrable", FLAG, &a->deferrable},
    {"normally_on", FLAG, &a->normally_on}, {"island_grace", REAL, &a->island_grace},
    {"silence_max", REAL, &a->silence_max}, {"heartbeat", REAL, &a->heartbeat},
    {"signature_heartbeat", REAL, &a->signature_heartbeat}, {"save_period", REAL, &a->save_period},
    {"nominal_voltage", REAL, &a->detector.nominal_voltage},
    {"nominal_frequency", REAL, &a->detector.nominal_frequency}, {"island_power", REAL, &a->shedding.power},
    {"island_voltage", REAL, &a->shedding.voltage}, {"island_droop", REAL, &a->shedding.droop},
    {"island_rate", REAL, &a->shedding.rate}, {"island_filter", REAL, &a->shedding.filter},
    {"island_surge", REAL, &a->shedding.surge}, {"island_return", REAL, &a->shedding.back},
    {"ballot_age_max", REAL, &a->ballot_age_max}, {"election_heartbeat", REAL, &a->election.heartbeat},
    {"election_timeout", REAL, &a->election.timeout}, {"election_spread", REAL, &a->election.spread},
    {"join_time", REAL, &a->island.join_time}, {"shed_time", REAL, &a->island.shed_time},
    {"silence", REAL, &a->island.silence}, {"return_time", REAL, &a->island.return_time},
#define SETTINGS a->protection
    HG_PROTECTION_SETTINGS(OF)
#undef SETTINGS
#define SETTINGS a->relay
    HG_RELAY_SETTINGS(OF)
#undef SETTINGS
#define SETTINGS a->requests
    HG_REQUEST_SETTINGS(OF)
#undef SETTINGS
#define SETTINGS a->jobs
    HG_JOB_SETTINGS(OF)
#undef SETTINGS
#define SETTINGS a->own
    HG_OWN_SETTINGS(OF)
#undef SETTINGS
  };
  for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
    if (strcmp(rows[k].name, name) == 0) {
      return put(&rows[k], value);
    }
  }
  if (strcmp(name, "home") == 0) {
    text(s->home, sizeof s->home, value);
  } else if (strcmp(name, "title") == 0) {
    text(a->title, sizeof a->title, value);
  } else if (strcmp(name, "state_dir") == 0) {
    text(s->state_dir, sizeof s->state_dir, value);
  } else if (strcmp(name, "keys_file") == 0) {
    text(s->keys_file, sizeof s->keys_file, value);
  } else if (strcmp(name, "timezone") == 0) {
    return value[0] == 0 || setenv("TZ", value, 1) == 0;
  } else if (strcmp(name, "rule") == 0) {
    return rule(&a->schedule, value);
  } else if (strcmp(name, "committee") == 0) {
    return committee(a, value);
  } else {
    fprintf(stderr, "[INFO] [0.0] [%s]: setting %s is not known to the outlet in C\n", a->id, name);
  }
  return true;
}

bool hg_posix_read(const char *path, hg_posix_settings_t *settings)
{
  char line[LINE];
  FILE *file = fopen(path, "r");
  memset(settings, 0, sizeof *settings);
  if (file == NULL) {
    fprintf(stderr, "hearthgrid: %s cannot be read: %s\n", path, strerror(errno));
    return false;
  }
  bool good = true;
  while (good && fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\r\n")] = 0;
    char *value = strchr(line, ' ');
    if (line[0] == '#' || line[0] == 0 || value == NULL) {
      continue;
    }
    *value++ = 0;
    good = named(settings, line, value);
    if (!good) {
      fprintf(stderr, "hearthgrid: %s: %s cannot be '%s'\n", path, line, value);
    }
  }
  fclose(file);
  if (good && (settings->app.id[0] == 0 || settings->home[0] != '/')) {
    fprintf(stderr, "hearthgrid: %s names no outlet or no home\n", path);
    good = false;
  }
  return good;
}
