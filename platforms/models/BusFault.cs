// Addresses where nothing is: an access ends in a precise BusFault (Armv7-M Architecture Reference Manual,
// B1.5.14 and B3.2.15), or in a HardFault where that is not enabled; and HFSR (B3.2.16).
//
// Why not Renode's: there such an access reads 0 or is lost, and its NVIC has no HFSR and no BFAR. A stack that
// leaves the RAM then runs on for ever.
//
// Not modelled: faults of instruction fetches (Renode stops the CPU) and of exception entry. A fault that no
// handler can be entered for is a lockup (B1.5.15): it stops the CPU until the next reset.

using Antmicro.Renode.Core;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Peripherals.IRQControllers;
using Antmicro.Renode.Utilities;
using System.Linq;
using System.Threading;
using Range = Antmicro.Renode.Core.Range;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    public class BusFault : IBytePeripheral, IWordPeripheral, IDoubleWordPeripheral, IAbsoluteAddressAware
    {
        // `lockupResets`: what notes the cause of a reset, on chips that go through one when they lock up
        public BusFault(IMachine machine, NVIC nvic, IPeripheral lockupResets = null)
        {
            this.machine = machine;
            this.nvic = nvic;
            this.lockupResets = lockupResets;
            machine.StateChanged += Install;
        }

        public void Reset()
        {
            faultAddress = 0;
            forced = false;
            inOneInstruction = 0;
            before = null;
            if(lockedUp != null)
            {
                lockedUp.IsHalted = false;
                lockedUp = null;
            }
        }

        public void SetAbsoluteAddress(ulong address)
        {
            accessed = (uint)address;
        }

        public byte ReadByte(long offset)
        {
            Fault();
            return 0;
        }

        public ushort ReadWord(long offset)
        {
            Fault();
            return 0;
        }

        public uint ReadDoubleWord(long offset)
        {
            Fault();
            return 0;
        }

        public void WriteByte(long offset, byte value)
        {
            Fault();
        }

        public void WriteWord(long offset, ushort value)
        {
            Fault();
        }

        public void WriteDoubleWord(long offset, uint value)
        {
            Fault();
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
            foreach(var core in bus.GetCPUs().OfType<CortexM>())
            {
                core.AddHookAtInterruptBegin(kind => Enter(core, kind));
            }
            bus.SetHookAfterPeripheralRead<uint>(nvic, Status, new Range(HardFaultStatusOffset, 16));
            bus.SetHookBeforePeripheralWrite<uint>(nvic, (value, offset) =>
            {
                forced &= (value & Forced) == 0;
                return value;
            }, new Range(HardFaultStatusOffset, 4));
        }

        private uint Status(uint value, long offset)
        {
            return offset == HardFaultStatusOffset ? HardFaultStatus : offset == FaultAddressOffset ? faultAddress : value;
        }

        // A fault whose own exception is not enabled is escalated.
        private uint HardFaultStatus
        {
            get
            {
                var status = machine.SystemBus.TryGetCurrentCPU(out var cpu) && cpu is CortexM core ? core.FaultStatus : 0;
                var enabled = nvic.ReadDoubleWord(HandlerControlOffset);
                var escalated = ((status & UsageFaults) != 0 && (enabled & UsageFaultEnabled) == 0) || forced;
                return escalated ? Forced : 0;
            }
        }

        private void Fault()
        {
            if(!machine.SystemBus.TryGetCurrentCPU(out var cpu) || !(cpu is CortexM core) || !core.OnPossessedThread)
            {
                return;
            }
            var executed = core.ExecutedInstructions;
            inOneInstruction = executed == faultedAt ? inOneInstruction + 1 : 0;
            faultedAt = executed;
            var active = (uint)core.GetRegister(StatusRegister).RawValue & 0x1FF;
            if(active == HardFaultException || active == NonMaskableInterrupt || inOneInstruction > Patience)
            {
                LockUp(core);
                return;
            }
            faultAddress = accessed;
            core.FaultStatus |= Precise | FaultAddressValid;
            forced = (nvic.ReadDoubleWord(HandlerControlOffset) & BusFaultEnabled) == 0;
            nvic.SetPendingIRQ(forced ? (int)HardFaultException : (int)BusFaultException);
            before = Enumerable.Range(0, Registers).Select(each => core.GetRegister(each)).ToArray();
            statusBefore = core.FaultStatus;
            core.RequestTranslationBlockRestart(true);
        }

        private void LockUp(CortexM core)
        {
            if(lockedUp != null)
            {
                return;
            }
            core.Log(LogLevel.Error, "Lockup: a fault at 0x{0:X8} that no handler can be entered for", accessed);
            lockedUp = core;
            new Thread(() => core.IsHalted = true).Start();
            if(lockupResets != null)
            {
                lockupResets.GetType().GetProperty("ResetCause").SetValue(lockupResets, "lockup");
                machine.RequestReset();
            }
        }

        // Renode gets a few instructions further before it enters the handler; those have not been.
        private void Enter(CortexM core, ulong kind)
        {
            if(before == null || kind != Interrupt)
            {
                return;
            }
            for(var register = 0; register < Registers; ++register)
            {
                core.SetRegister(register, before[register]);
            }
            core.PC = before[ProgramCounter].RawValue | 1;
            core.FaultStatus = statusBefore;
            before = null;
        }

        private uint accessed;
        private uint faultAddress;
        private bool forced;
        private ulong faultedAt;
        private int inOneInstruction;
        private CortexM lockedUp;
        private RegisterValue[] before;
        private uint statusBefore;

        private readonly IMachine machine;
        private readonly NVIC nvic;
        private readonly IPeripheral lockupResets;

        private const int Registers = 16, ProgramCounter = 15, StatusRegister = 25, Patience = 64;
        private const ulong Interrupt = 5;
        private const uint NonMaskableInterrupt = 2, HardFaultException = 3, BusFaultException = 5;
        private const long HandlerControlOffset = 0xD24, HardFaultStatusOffset = 0xD2C, FaultAddressOffset = 0xD38;
        private const uint Precise = 1 << 9, FaultAddressValid = 1 << 15, UsageFaults = 0xFFFF0000, Forced = 1 << 30;
        private const uint BusFaultEnabled = 1 << 17, UsageFaultEnabled = 1 << 18;
    }
}
