/* An outlet's own protection: thermal overload (I²t), short circuit, contact temperature, and a sensor that lies.
 * Twin of hearthgrid_core.outlet.protection. */
#ifndef HEARTHGRID_PROTECTION_H
#define HEARTHGRID_PROTECTION_H

#include "common.h"

typedef enum {
  HG_FAULT_NONE = 0,
  HG_FAULT_STUCK,
  HG_FAULT_CLIPPED,
  HG_FAULT_NOT_A_NUMBER,
  HG_FAULT_TEMPERATURE
} hg_fault_t;

/* What the sensors say of one block of some mains cycles. */
typedef struct {
  double voltage, current; /* RMS [V], [A] */
  double current_cycle;    /* largest RMS of one mains cycle in the block [A] */
  double active_power;     /* [W] */
  double temperature;      /* of the contacts, NaN = not measured [degree Celsius] */
  hg_fault_t fault;        /* why the block cannot be true */
} hg_measurement_t;

typedef struct {
  hg_protection_settings_t settings;
  hg_trip_t trip;      /* latched */
  double thermal_load; /* 1 trips */
  double now, current, temperature, hot_since, fault_since;
  bool started, hot, faulty;
} hg_protection_t;

typedef enum { HG_RESET_DONE = 0, HG_RESET_WARM, HG_RESET_HOT, HG_RESET_SENSOR } hg_reset_t;

hg_status_t hg_protection_init(hg_protection_t *p, const hg_protection_settings_t *settings);

/* Take in the newest measurement (NULL while there is none: the last current is believed to flow on while the relay is
 * closed) and return the latched trip. */
hg_trip_t hg_protection_step(hg_protection_t *p, double now, const hg_measurement_t *measured, bool closed);

/* From the converter's interrupt: one cycle's RMS current has reached `instant_current`. */
void hg_protection_short(hg_protection_t *p);

/* Unlatch the trip, or say why it stays. */
hg_reset_t hg_protection_reset(hg_protection_t *p);

/* Take back what was kept over a restart, cooled down since `kept_at`; HG_ERROR_DAMAGED changes nothing. */
hg_status_t hg_protection_restore(hg_protection_t *p, double now, int trip, double thermal_load, double kept_at);

/* Why a block of counts (n > 0) cannot be a measurement. */
hg_fault_t hg_block_fault(const int16_t *counts, size_t n);

#endif
