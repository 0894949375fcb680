# The boot stage, an image linked for the first slot behind it, and the update files: firmware.upd, next.upd.

LINKER_SCRIPTS = $(BOARD_DIR)/slots.ld port/boot/slots.ld port/sections.ld
SLOT_DISTANCE = 0x50000

STAGE_SOURCES = port/boot/stage.c port/$(CHIP)/chip.c port/$(CHIP)/flash.c
$(BUILD)/stage.elf: $(STAGE_SOURCES) port/slot.h port/boot/stage.ld $(BOARD_DIR)/slots.ld
	$(ECHO) "LINK $@"
	$(Q)$(CC) $(CFLAGS) -Werror -Wextra -Wno-unused-parameter -nostdlib -nostartfiles -Wl,--gc-sections \
		-Wl,-T,$(BOARD_DIR)/slots.ld -Wl,-T,port/boot/stage.ld -o $@ $(STAGE_SOURCES) -lgcc

$(BUILD)/stage.bin: $(BUILD)/stage.elf
	$(Q)$(OBJCOPY) -O binary $< $@

$(BUILD)/port/boot/image.o: $(BUILD)/stage.bin
$(BUILD)/port/boot/image.o: CFLAGS += -Wa,-I$(BUILD)

all: $(BUILD)/firmware.upd

# What stands in a slot: all but the boot stage.
$(BUILD)/first.bin: $(BUILD)/firmware.elf
	$(Q)$(OBJCOPY) -O binary --remove-section=.stage $< $@

$(BUILD)/second.elf: $(BUILD)/firmware.elf
	$(Q)$(CC) $(LDFLAGS) -Wl,--defsym=_second=1 -o $@ $(OBJ) -lgcc

$(BUILD)/second.bin: $(BUILD)/second.elf
	$(Q)$(OBJCOPY) -O binary --remove-section=.stage $< $@

UPDATE_FILE = $(PYTHON) port/boot/update.py --board $(BOARD) --distance $(SLOT_DISTANCE)
$(BUILD)/firmware.upd: $(BUILD)/first.bin $(BUILD)/second.bin port/boot/update.py
	$(Q)$(UPDATE_FILE) --version $(VERSION_TEXT) $(BUILD)/first.bin $(BUILD)/second.bin $@

# The same firmware with another version, for whoever tries an update.
NEXT = $(BUILD)/next
NEXT_VERSION = $(VERSION_TEXT)-next
NEXT_OBJ = $(NEXT)/modboard.o $(filter-out $(BUILD)/port/modboard.o,$(OBJ))
all: $(BUILD)/next.upd
$(BUILD)/next.upd: $(BUILD)/firmware.elf port/boot/update.py
	$(Q)mkdir -p $(NEXT)
	$(Q)$(CC) $(CFLAGS) -DFIRMWARE_VERSION='"$(NEXT_VERSION)"' -c -o $(NEXT)/modboard.o port/modboard.c
	$(Q)$(CC) $(LDFLAGS) -o $(NEXT)/first.elf $(NEXT_OBJ) -lgcc
	$(Q)$(CC) $(LDFLAGS) -Wl,--defsym=_second=1 -o $(NEXT)/second.elf $(NEXT_OBJ) -lgcc
	$(Q)for slot in first second; do \
		$(OBJCOPY) -O binary --remove-section=.stage $(NEXT)/$$slot.elf $(NEXT)/$$slot.bin; done
	$(Q)$(UPDATE_FILE) --version $(NEXT_VERSION) $(NEXT)/first.bin $(NEXT)/second.bin $@
