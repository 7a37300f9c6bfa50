// SPDX-License-Identifier: Zlib
// What the device computes: every word mixed with its own index. mix.inc is made from this file:
//   glslangValidator -V -g0 --target-env vulkan1.0 -x -o probes/vulkan/mix.inc probes/vulkan/mix.comp
#version 450
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) buffer Words { uint words[]; };
void main()
{
	uint i = gl_GlobalInvocationID.x;
	words[i] = words[i] ^ (i * 2654435761u + 12345u);
}
