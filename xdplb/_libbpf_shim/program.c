// SPDX-License-Identifier: BSD-2-Clause
/* Programs: what the kernel knows about one, and runs on a packet of ours. */
#include "shim_deps.h"
#include "shim.h"

int shim_program_info(int program, struct shim_program_info *info, uint32_t *map_ids,
		      uint32_t map_room)
{
	struct bpf_prog_info kernel = {};
	uint32_t size = sizeof(kernel);
	int err;

	kernel.nr_map_ids = map_room;
	kernel.map_ids = (uint64_t)(uintptr_t)map_ids;
	err = bpf_obj_get_info_by_fd(program, &kernel, &size);
	if (err)
		return err;
	info->type = kernel.type;
	info->id = kernel.id;
	info->xlated_bytes = kernel.xlated_prog_len;
	info->jited_bytes = kernel.jited_prog_len;
	info->map_count = kernel.nr_map_ids;
	info->btf_id = kernel.btf_id;
	info->verified_instructions = kernel.verified_insns;
	info->uid = kernel.created_by_uid;
	info->load_time_ns = kernel.load_time;
	info->run_time_ns = kernel.run_time_ns;
	info->run_count = kernel.run_cnt;
	info->recursion_misses = kernel.recursion_misses;
	memcpy(info->tag, kernel.tag, sizeof(info->tag));
	memcpy(info->name, kernel.name, sizeof(info->name));
	return 0;
}

int shim_program_test_run(int program, struct shim_test_run *run)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = run->data_in, .data_out = run->data_out,
		    .data_size_in = run->data_size_in, .data_size_out = run->data_size_out,
		    .ctx_in = run->context_in, .ctx_out = run->context_out,
		    .ctx_size_in = run->context_size_in, .ctx_size_out = run->context_size_out,
		    .repeat = (int)run->repeat, .flags = run->flags, .cpu = run->cpu,
		    .batch_size = run->batch_size);
	int err = bpf_prog_test_run_opts(program, &opts);

	run->retval = opts.retval;
	run->duration_ns = opts.duration;
	run->data_size_out = opts.data_size_out;
	run->context_size_out = opts.ctx_size_out;
	return err;
}
