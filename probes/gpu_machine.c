/* SPDX-License-Identifier: Zlib */
/* The machine beneath a container: PCI display controllers and what its kernel has drivers for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/words.h"
#include "probes/gpu.h"

#define PCI_DEVICES "/sys/bus/pci/devices"
#define MAX_NUMBER_BYTES 64u
#define MAX_DEVICES_BYTES 65536u
#define DISPLAY_CLASS 0x03u /* the first byte of three (PCI Code and ID Assignment, base class) */

static const struct vendor {
	unsigned int number;
	const char *name;
	bool makes_gpus;
} vendors[] = {
	{0x10de, "NVIDIA", true},  {0x1002, "AMD", true},      {0x8086, "Intel", true},
	{0x1af4, "virtio", false}, {0x15ad, "VMware", false},  {0x1234, "QEMU", false},
	{0x1b36, "QEMU", false},   {0x1a03, "ASPEED", false},  {0x102b, "Matrox", false},
	{0x1013, "Cirrus", false}, {0x1414, "Hyper-V", false},
};

static const struct vendor *find_vendor(unsigned int number)
{
	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
		if (vendors[i].number == number)
			return &vendors[i];
	return NULL;
}

const char *gpu_vendor_name(unsigned int vendor)
{
	const struct vendor *found = find_vendor(vendor);

	return found ? found->name : NULL;
}

bool gpu_vendor_makes_gpus(unsigned int vendor)
{
	const struct vendor *found = find_vendor(vendor);

	return found && found->makes_gpus;
}

/* A number such as "0x10de" in a file of the device ADDRESS; 0 where there is none. */
static unsigned int read_number(const struct root *root, const char *address, const char *name)
{
	CLEANUP_FREE char *path = mem_format(PCI_DEVICES "/%s/%s", address, name);
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_NUMBER_BYTES);

	if (root_read(root, path, &text) < 0)
		return 0;
	return (unsigned int)strtoul(text.data, NULL, 16);
}

static void add_controller(struct gpu_machine *machine, const struct root *root,
			   const char *address)
{
	CLEANUP_FREE char *driver = NULL;
	struct gpu_controller *controller;
	char target[256];
	const char *slash;

	if (machine->controller_count == GPU_MAX_CONTROLLERS ||
	    read_number(root, address, "class") >> 16 != DISPLAY_CLASS)
		return;
	controller = &machine->controllers[machine->controller_count++];
	*controller = (struct gpu_controller){
		.vendor = read_number(root, address, "vendor"),
		.device = read_number(root, address, "device"),
	};
	(void)snprintf(controller->address, sizeof(controller->address), "%s", address);
	driver = mem_format(PCI_DEVICES "/%s/driver", address);
	if (root_readlink(root, driver, target, sizeof(target)) < 0)
		return;
	slash = strrchr(target, '/');
	(void)snprintf(controller->driver, sizeof(controller->driver), "%s",
		       slash ? slash + 1 : target);
}

static void collect_controllers(struct gpu_machine *machine, const struct root *root)
{
	CLEANUP_WORDS struct words addresses = {0};

	(void)gpu_directory_list(root, PCI_DEVICES, &addresses);
	for (size_t i = 0; i < addresses.count; i++)
		add_controller(machine, root, addresses.items[i]);
}

/* Whether the kernel's list ("226 drm", "195 nvidia-frontend") has a device of this name. */
static bool has_device(const char *list, const char *name)
{
	for (const char *line = list; line && *line;) {
		const char *word = line + strspn(line, " 0123456789");

		if (text_starts_with(word, name))
			return true;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return false;
}

void gpu_machine_collect(struct gpu_machine *ret, const struct root *root)
{
	CLEANUP_STRBUF struct strbuf devices = STRBUF_INIT(MAX_DEVICES_BYTES);
	struct stat status;

	*ret = (struct gpu_machine){0};
	collect_controllers(ret, root);
	(void)root_read(root, "/proc/devices", &devices); /* unreadable: an empty list */
	ret->has_drm = has_device(devices.data, "drm");
	ret->has_nvidia = has_device(devices.data, "nvidia");
	ret->has_amdgpu = root_stat(root, "/sys/module/amdgpu", &status) == 0;
}
