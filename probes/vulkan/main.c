/* SPDX-License-Identifier: Zlib */
/* The Vulkan helper: a dynamic program that needs nothing of a C library but its dynamic loader, so
 * that it runs beside any driver. It opens the Vulkan loader, computes something on a device, and
 * tells each step (say.h) before it begins it: a crash or hang is located.
 * usage: helper LIBRARY [software] [nvidia] */
#include <stdbool.h>

#include "probes/vulkan/calls.h"
#include "probes/vulkan/said.h"
#include "probes/vulkan/say.h"

/* <dlfcn.h>, which musl and glibc declare alike. */
#define RTLD_NOW 2
struct library_info {
	const char *path;
	void *base;
	const char *symbol;
	void *address;
};
void *dlopen(const char *name, int flags);
void *dlsym(void *handle, const char *name);
char *dlerror(void);
int dladdr(const void *address, struct library_info *ret);

int helper_main(int count, char **words);

void must(VkResult result)
{
	if (result < 0)
		finish(VULKAN_ERROR, result, NULL);
}

static bool is_same(const char *one, const char *other)
{
	while (*one && *one == *other) {
		one++;
		other++;
	}
	return *one == *other;
}

static bool has_word(int count, char **words, const char *word)
{
	for (int i = 2; i < count; i++)
		if (is_same(words[i], word))
			return true;
	return false;
}

/* Without one of these NVIDIA's driver fails, and does not say why. */
static void tell_missing_libraries(void)
{
	static const char *const names[] = {"libX11.so.6", "libXext.so.6", "libEGL.so.1",
					    "libGLX_nvidia.so.0"};
	struct text missing = {.length = 0};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct text phase = {.length = 0};

		text_add(&phase, "open ");
		text_add(&phase, names[i]);
		say_phase(phase.bytes);
		if (dlopen(names[i], RTLD_NOW))
			continue;
		text_add(&missing, names[i]);
		text_add(&missing, " ");
		text_add_line(&missing, dlerror());
	}
	if (missing.length)
		say_list(SAID_MISSING, &missing);
}

static PFN_vkGetInstanceProcAddr open_loader(const char *name)
{
	PFN_vkGetInstanceProcAddr get = NULL;
	struct library_info info = {.path = NULL};
	struct text path = {.length = 0};
	void *library;

	say_phase("open the loader");
	library = dlopen(name, RTLD_NOW);
	if (!library)
		finish(VULKAN_NO_LIBRARY, 0, dlerror());
	*(void **)&get = dlsym(library, "vkGetInstanceProcAddr");
	if (!get)
		finish(VULKAN_INCOMPLETE, 0, dlerror());
	if (dladdr(*(void **)&get, &info) && info.path)
		text_add(&path, info.path);
	say_text(SAID_LIBRARY, &path);
	return get;
}

/* A loader of Vulkan 1.0 refuses later versions; one of 1.1 and later takes any. */
static VkInstance create_instance(PFN_vkGetInstanceProcAddr get)
{
	PFN_vkEnumerateInstanceVersion ask_version =
		(PFN_vkEnumerateInstanceVersion)get(NULL, "vkEnumerateInstanceVersion");
	PFN_vkCreateInstance create = (PFN_vkCreateInstance)get(NULL, "vkCreateInstance");
	VkApplicationInfo application = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.pApplicationName = "spinup",
		.apiVersion = VK_API_VERSION_1_2,
	};
	VkInstanceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &application,
	};
	uint32_t version = VK_API_VERSION_1_0;
	VkInstance instance = NULL;

	if (!create)
		finish(VULKAN_INCOMPLETE, 0, "no vkCreateInstance");
	if (ask_version)
		must(ask_version(&version));
	say_number(SAID_INSTANCE, version);
	if (version < VK_API_VERSION_1_1)
		application.apiVersion = VK_API_VERSION_1_0;
	say_phase("create the instance");
	must(create(&info, NULL, &instance));
	return instance;
}

static void look_up(PFN_vkGetInstanceProcAddr get, VkInstance instance, struct instance_calls *ret)
{
#define LOOK_UP(name)                                                                              \
	ret->name = (PFN_vk##name)get(instance, "vk" #name);                                       \
	if (!ret->name)                                                                            \
		finish(VULKAN_INCOMPLETE, 0, "no vk" #name);
	INSTANCE_CALLS(LOOK_UP)
#undef LOOK_UP
	ret->GetPhysicalDeviceProperties2 =
		(PFN_vkGetPhysicalDeviceProperties2)get(instance, "vkGetPhysicalDeviceProperties2");
}

/* Called by start.S, by way of the C library's own start. */
int helper_main(int count, char **words)
{
	struct instance_calls call = {.CreateDevice = NULL};
	PFN_vkGetInstanceProcAddr get;
	VkInstance instance;
	struct device device;

	say_phase("start");
	if (has_word(count, words, "nvidia"))
		tell_missing_libraries();
	get = open_loader(count > 1 ? words[1] : "libvulkan.so.1");
	instance = create_instance(get);
	look_up(get, instance, &call);
	device = choose_device(&call, instance, has_word(count, words, "software"));
	compute(&call, &device);
}
