/* NVIDIA's library, as far as it is asked: GPU 0 is whole, GPU 1 is in two instances (MIG).

   Instances answer nothing about utilization, as the real driver does. Process 4242 computes on
   GPU 0 and draws there too; process 4343 computes on the second instance. */
#include <stddef.h>
#include <string.h>

enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7 };

typedef struct { int name; } device;
typedef struct { unsigned long long total, free, used; } memory;
typedef struct { unsigned gpu, memory; } rates;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, instance; } process;

static device devices[] = {{0}, {1}, {10}, {11}};

int nvmlInitWithFlags(unsigned flags) { return SUCCESS; }
int nvmlInit_v2(void) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return "refused"; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return SUCCESS; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, device **handle) {
    if (index > 1) return INVALID;
    *handle = &devices[index];
    return SUCCESS;
}

int nvmlDeviceGetName(device *handle, char *name, unsigned length) {
    strncpy(name, handle->name ? "Fake H100 in parts" : "Fake A100", length);
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(device *handle, memory *answer) {
    answer->total = 80000000000ULL;
    answer->used = handle->name == 0 ? 20000000000ULL : 1000000000ULL * handle->name;
    answer->free = answer->total - answer->used;
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(device *handle, rates *answer) {
    if (handle->name >= 10) return NOT_SUPPORTED;
    answer->gpu = 87;
    answer->memory = 40;
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(device *handle, unsigned *milliwatts) {
    if (handle->name >= 10) return NOT_SUPPORTED;
    *milliwatts = 250000;
    return SUCCESS;
}

int nvmlDeviceGetEnforcedPowerLimit(device *handle, unsigned *milliwatts) {
    if (handle->name >= 10) return NOT_SUPPORTED;
    *milliwatts = 400000;
    return SUCCESS;
}

int nvmlDeviceGetTemperature(device *handle, int sensor, unsigned *celsius) {
    if (handle->name >= 10) return NOT_SUPPORTED;
    *celsius = 61;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(device *handle, unsigned *now, unsigned *later) {
    *now = *later = handle->name == 1;
    return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(device *handle, unsigned *count) { *count = 7; return SUCCESS; }

int nvmlDeviceGetMigDeviceHandleByIndex(device *handle, unsigned index, device **instance) {
    if (index > 1) return NOT_FOUND;
    *instance = &devices[2 + index];
    return SUCCESS;
}

static int list(unsigned pid, unsigned long long used, unsigned *count, process *answer) {
    if (!pid) { *count = 0; return SUCCESS; }
    if (*count < 1 || !answer) { *count = 1; return TOO_SMALL; }
    *count = 1;
    *answer = (process){pid, used, 0, 0};
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(device *handle, unsigned *count, process *answer) {
    if (handle->name == 0) return list(4242, 5000000000ULL, count, answer);
    return list(handle->name == 11 ? 4343 : 0, 3000000000ULL, count, answer);
}

int nvmlDeviceGetGraphicsRunningProcesses_v3(device *handle, unsigned *count, process *answer) {
    return list(handle->name == 0 ? 4242 : 0, 5000000000ULL, count, answer);
}
