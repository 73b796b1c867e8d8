# SPDX-License-Identifier: BSD-2-Clause
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

OBJECT := xdplb/xdp_lb.bpf.o
BPF_SOURCES := $(wildcard bpf/*.c bpf/*.h)
FORMATTED := $(filter-out bpf/vmlinux.h,$(BPF_SOURCES)) $(wildcard xdplb/_libbpf_shim/*.[ch])
# What an editable install has to be made anew for: all that is compiled or that pip looks at.
INSTALLED_FROM := pyproject.toml setup.py bpf/abi.h $(wildcard xdplb/_*_build.py xdplb/_libbpf_shim/*)

.DEFAULT_GOAL := help
.PHONY: help bpf vmlinux demo lab check test bench format clean
.DELETE_ON_ERROR:

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

bpf: $(OBJECT) ## rebuild the BPF object

$(OBJECT): $(BPF_SOURCES) xdplb/_object_build.py | $(VENV)/packages
	$(PYTHON) xdplb/_object_build.py $@ -Werror

vmlinux: $(VENV)/packages ## write bpf/vmlinux.h anew from the running kernel's BTF
	$(PYTHON) scripts/trim_vmlinux.py > bpf/vmlinux.h.new
	mv bpf/vmlinux.h.new bpf/vmlinux.h

# What a fresh Debian 12 lacks, then the package in a virtual environment of its own.
$(VENV)/packages: scripts/install-packages
	scripts/install-packages
	@mkdir -p $(VENV) && touch $@

define install
	@echo "installing xdplb and the Python packages it needs into $(VENV)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.$(1)'
endef

$(VENV)/installed: $(INSTALLED_FROM) | $(VENV)/packages
	$(call install)
	@touch $@

$(VENV)/developed: $(INSTALLED_FROM) scripts/install-packages
	scripts/install-packages --for-tests
	$(call install,[dev])
	@touch $(VENV)/packages $(VENV)/installed $@

demo: $(VENV)/installed $(OBJECT) ## watch real requests being balanced, then tear all down
	$(SUDO) scripts/mount-bpffs
	$(SUDO) $(BIN)/xdplb lab demo
	@echo "xdplb is in $(BIN); to have it on the PATH: . $(BIN)/activate"

lab: $(VENV)/installed $(OBJECT) ## raise the lab to play in; `xdplb lab down` removes it
	$(SUDO) scripts/mount-bpffs
	$(SUDO) $(BIN)/xdplb lab up
	@echo "xdplb is in $(BIN); to have it on the PATH: . $(BIN)/activate"

check: $(VENV)/developed $(OBJECT) ## what needs no root: format, lint, types, layers, unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	clang-format --dry-run --Werror $(FORMATTED)
	$(BIN)/pytest -q tests/unit

test: $(VENV)/developed $(OBJECT) ## the whole suite, as root, on real veth
	$(SUDO) scripts/mount-bpffs
	$(SUDO) $(BIN)/pytest tests

bench: $(VENV)/developed $(OBJECT) ## nanoseconds per packet and the binding's figures
	$(SUDO) scripts/mount-bpffs
	$(SUDO) $(BIN)/python -m bench

format: $(VENV)/developed ## format Python and C
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	clang-format -i $(FORMATTED)

BUILT = $(VENV) build dist *.egg-info $(OBJECT) xdplb/*.so xdplb/_libbpf.c xdplb/_abi.c \
	.mypy_cache .ruff_cache .import_linter_cache .hypothesis $$(find . -name __pycache__ -prune)

# What ran under sudo left files of root's.
clean: ## remove what was built
	rm -rf $(BUILT) 2>/dev/null || $(SUDO) rm -rf $(BUILT)
