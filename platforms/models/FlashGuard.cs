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
        // `program` gets offset, value and size in bytes of a store, and says what the memory is to hold then.
        // `parts` are offsets in the memory, in ascending order.
        public FlashGuard(IMachine machine, MappedMemory flash, Func<long, ulong, int, ulong> program, params Range[] parts)
        {
            this.machine = machine;
            this.flash = flash;
            this.parts = parts;
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
            // A memory has one hook: it spans all parts. What is between them stays mapped and does not come by.
            var start = parts[0].StartAddress;
            var range = new Range(start, parts[parts.Length - 1].EndAddress - start + 1);
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
                    foreach(var part in parts)
                    {
                        for(var page = part.StartAddress; page < part.EndAddress; page += Page)
                        {
                            cpu.SetPageAccessViaIo(start + page);
                        }
                    }
                }
            }
        }

        private readonly IMachine machine;
        private readonly MappedMemory flash;
        private readonly Range[] parts;
        private readonly Func<long, ulong, int, ulong> program;

        private const ulong Page = 0x400;
    }
}
