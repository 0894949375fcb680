// A part of a flash memory that the firmware can only change as its controller lets it.
//
// Renode maps a Memory.MappedMemory straight into the CPU, so a store simply replaces what was there. On the
// chips a store goes through the flash controller: refused unless programming is enabled, and able to clear
// bits only. Guarded pages are taken out of the mapping (each access goes over the bus, at some microseconds
// of host time), so this is meant for the pages that a firmware keeps data in; the rest of the flash stays
// mapped, and stores to it are not held to any rule.

using Antmicro.Renode.Core;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Peripherals.Memory;
using System;
using System.Linq;
using Range = Antmicro.Renode.Core.Range;

namespace Antmicro.Renode.Peripherals.MTD
{
    public class FlashGuard
    {
        // `program` gets offset, value and size in bytes of a store, and says what the memory is to hold then
        public FlashGuard(IMachine machine, MappedMemory flash, long offset, long size, Func<long, ulong, int, ulong> program)
        {
            this.machine = machine;
            this.flash = flash;
            this.offset = offset;
            this.size = size;
            this.program = program;
            machine.StateChanged += Install;
        }

        // The whole machine has to be there for this, so it waits for the first start.
        private void Install(IMachine _, MachineStateChangedEventArgs change)
        {
            if(change.CurrentState != MachineStateChangedEventArgs.State.Started)
            {
                return;
            }
            machine.StateChanged -= Install;
            var bus = machine.SystemBus;
            var range = new Range((ulong)offset, (ulong)size);
            bus.SetHookBeforePeripheralWrite<byte>(flash, (value, at) => (byte)program(at, value, 1), range);
            bus.SetHookBeforePeripheralWrite<ushort>(flash, (value, at) => (ushort)program(at, value, 2), range);
            bus.SetHookBeforePeripheralWrite<uint>(flash, (value, at) => (uint)program(at, value, 4), range);
            bus.SetHookBeforePeripheralWrite<ulong>(flash, (value, at) => program(at, value, 8), range);
            Unmap();
            // a reset of the CPU maps everything again
            machine.MachineReset += machineThatWasReset => Unmap();
        }

        private void Unmap()
        {
            var bus = machine.SystemBus;
            var starts = bus.GetRegistrationPoints(flash).OfType<BusRangeRegistration>().Select(each => each.Range.StartAddress);
            foreach(var start in starts)
            {
                foreach(var cpu in bus.GetCPUs().OfType<ICPUWithMappedMemory>())
                {
                    for(var page = 0L; page < size; page += Page)
                    {
                        cpu.SetPageAccessViaIo(start + (ulong)(offset + page));
                    }
                }
            }
        }

        private readonly IMachine machine;
        private readonly MappedMemory flash;
        private readonly long offset;
        private readonly long size;
        private readonly Func<long, ulong, int, ulong> program;

        private const long Page = 0x400;
    }
}
