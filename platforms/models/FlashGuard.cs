// A part of a flash memory that the firmware can only change as its controller lets it.
//
// Renode maps a Memory.MappedMemory straight into the CPU, so a store simply replaces what was there. On the
// chips a store goes through the flash controller: refused unless programming is enabled, and able to clear
// bits only. Guarded pages are taken out of the mapping (each access goes over the bus, at some microseconds
// of host time), so this is meant for what a firmware keeps data in, and not for what it runs from. What it
// may run from are the slots: the one that the program counter is not in when the controller lets a program
// change the flash is guarded from then until the next reset. The rest of the flash stays mapped, and stores
// to it are not held to any rule.

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
        // `parts` and `slots` are offsets in the memory.
        public FlashGuard(IMachine machine, MappedMemory flash, Func<long, ulong, int, ulong> program, Range[] parts, Range[] slots)
        {
            this.machine = machine;
            this.flash = flash;
            this.parts = parts;
            this.slots = slots;
            this.program = program;
            machine.StateChanged += Install;
        }

        // To be called whenever the flash may be changed from now on.
        public void Open()
        {
            if(closed.Length > 0 || !machine.SystemBus.TryGetCurrentCPU(out var cpu) || !(cpu is ICPUWithMappedMemory core))
            {
                return;
            }
            var start = Start;
            var others = slots.Where(each => !each.Contains(cpu.PC.RawValue - start)).ToArray();
            if(others.Length == slots.Length)
            {
                return; // a boot stage, which starts one of them
            }
            closed = others;
            foreach(var other in others)
            {
                Unmap(core, start, other);
            }
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
            // A memory has one hook: it spans all of it. From what is mapped only the Monitor's writes come by.
            var range = new Range(0, (ulong)flash.Size);
            bus.SetHookBeforePeripheralWrite<byte>(flash, (value, at) => (byte)Written(at, value, 1), range);
            bus.SetHookBeforePeripheralWrite<ushort>(flash, (value, at) => (ushort)Written(at, value, 2), range);
            bus.SetHookBeforePeripheralWrite<uint>(flash, (value, at) => (uint)Written(at, value, 4), range);
            bus.SetHookBeforePeripheralWrite<ulong>(flash, (value, at) => Written(at, value, 8), range);
            UnmapParts();
            // a reset of the CPU maps everything again
            machine.MachineReset += machineThatWasReset => UnmapParts();
        }

        private ulong Written(long at, ulong value, int size)
        {
            return parts.Concat(closed).Any(each => each.Contains((ulong)at)) ? program(at, value, size) : value;
        }

        private void UnmapParts()
        {
            closed = new Range[0];
            foreach(var cpu in machine.SystemBus.GetCPUs().OfType<ICPUWithMappedMemory>())
            {
                foreach(var part in parts)
                {
                    Unmap(cpu, Start, part);
                }
            }
        }

        // Renode takes 1024 such pages at most, too few for the place too where the chip shows the flash for its
        // vectors, below.
        private ulong Start => machine.SystemBus.GetRegistrationPoints(flash).OfType<BusRangeRegistration>().Max(each => each.Range.StartAddress);

        private static void Unmap(ICPUWithMappedMemory cpu, ulong start, Range part)
        {
            for(var page = part.StartAddress; page < part.EndAddress; page += Page)
            {
                cpu.SetPageAccessViaIo(start + page);
            }
        }

        private Range[] closed = new Range[0];

        private readonly IMachine machine;
        private readonly MappedMemory flash;
        private readonly Range[] parts;
        private readonly Range[] slots;
        private readonly Func<long, ulong, int, ulong> program;

        private const ulong Page = 0x400;
    }
}
