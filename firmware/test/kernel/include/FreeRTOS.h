/* Stands in for the kernel's headers where ports are compiled and linked without it: nothing of this runs. */
#ifndef FREERTOS_H
#define FREERTOS_H
#include <stdint.h>

#include "FreeRTOSConfig.h"

typedef uint32_t TickType_t, StackType_t;
typedef unsigned long UBaseType_t;
typedef long BaseType_t;
typedef void (*TaskFunction_t)(void *);
typedef struct {
  uint32_t words[24];
} StaticTask_t;
#define pdTRUE ((BaseType_t)1)
#define portMAX_DELAY ((TickType_t)0xffffffffU)
#define pdMS_TO_TICKS(ms) ((TickType_t)(ms))
#endif
