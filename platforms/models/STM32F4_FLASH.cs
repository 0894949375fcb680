// Flash interface of the STM32F40x (RM0090, section 3): 12 sectors, programming and erasing with a lock.
//
// Why not Renode's STM32F4_FlashController: it does not model programming (3.6.4: only with PG set, bits can
// only be cleared, PGSERR otherwise), erases 16 of the 64 KB of sector 4 and 64 of the 128 KB of sector 5
// (table 5), ignores a second erase of the same sector in a row, and STRT stays set.
//
// The core stands still while it runs from the flash that is busy (3.6): the time of an operation is skipped.
// Typical times of DS8626, table 39, at x32. Not modelled: option bytes, write protection, mass erase,
// caches, interrupts. FlashGuard says which stores are held to the rules: those to the guarded bytes, and to
// the slot that the program does not run from.

using Antmicro.Renode.Core;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Peripherals.Memory;
using Antmicro.Renode.Time;
using Range = Antmicro.Renode.Core.Range;

namespace Antmicro.Renode.Peripherals.MTD
{
    public class STM32F4_FLASH : IDoubleWordPeripheral, IKnownSize
    {
        public STM32F4_FLASH(IMachine machine, MappedMemory flash, uint guardedStart, uint guardedSize,
            uint guardedStart2, uint guardedSize2, uint slotStart, uint slotStart2, uint slotSize)
        {
            this.machine = machine;
            this.flash = flash;
            guard = new FlashGuard(machine, flash, Program,
                new[] { new Range(guardedStart, guardedSize), new Range(guardedStart2, guardedSize2) },
                new[] { new Range(slotStart, slotSize), new Range(slotStart2, slotSize) });
            Reset();
        }

        public void Reset()
        {
            access = 0;
            status = 0;
            control = Lock;
            keys = 0;
            refused = false;
        }

        public uint ReadDoubleWord(long offset)
        {
            switch(offset)
            {
            case AccessControl:
                return access;
            case Status:
                return status;
            case Control:
                return control;
            case OptionControl:
                return 0x0FFFAAED;
            default:
                return 0;
            }
        }

        public void WriteDoubleWord(long offset, uint value)
        {
            switch(offset)
            {
            case AccessControl:
                access = value & 0x1F07;
                break;
            case Key:
                Open(value);
                break;
            case Status:
                status &= ~(value & (EndOfOperation | Errors));
                break;
            case Control:
                WriteControl(value);
                break;
            default:
                this.LogUnhandledWrite(offset, value);
                break;
            }
        }

        public long Size => 0x400;

        // 3.5.1: a wrong key locks the register until the next reset
        private void Open(uint key)
        {
            if(refused || key != (keys == 0 ? FirstKey : SecondKey))
            {
                refused = true;
                return;
            }
            keys++;
            if(keys == 2)
            {
                keys = 0;
                control &= ~Lock;
                guard.Open();
            }
        }

        private void WriteControl(uint value)
        {
            if((control & Lock) != 0)
            {
                this.Log(LogLevel.Warning, "FLASH_CR is locked, a write of 0x{0:X8} is lost", value);
                return;
            }
            control = value & 0x810103FF;
            if((value & Start) == 0)
            {
                return;
            }
            control &= ~Start;
            var sector = (int)(value >> 3 & 0xF);
            if((value & SectorErase) == 0 || sector > 11)
            {
                this.Log(LogLevel.Warning, "Only the erase of sectors 0 to 11 is modelled, not FLASH_CR 0x{0:X8}", value);
                status |= SequenceError;
                return;
            }
            // table 5: 4 sectors of 16 KB, one of 64, the others of 128
            var size = sector < 4 ? 0x4000 : sector == 4 ? 0x10000 : 0x20000;
            var start = sector < 4 ? sector * 0x4000 : sector == 4 ? 0x10000 : (sector - 4) * 0x20000;
            flash.SetRange(start, size, 0xFF);
            Skip(sector < 4 ? 250000u : sector == 4 ? 550000u : 1000000u);
            status |= EndOfOperation;
        }

        private ulong Program(long offset, ulong value, int size)
        {
            var held = 0ul;
            for(var at = size - 1; at >= 0; --at)
            {
                held = held << 8 | flash.ReadByte(offset + at);
            }
            if((control & (Lock | Programming)) != Programming)
            {
                this.Log(LogLevel.Warning, "A store to 0x{0:X} while programming is off is refused", offset);
                status |= SequenceError;
                return held;
            }
            if(size != 1 << (int)(control >> 8 & 3))
            {
                this.Log(LogLevel.Warning, "A store of {0} bytes to 0x{1:X} does not fit PSIZE and is refused", size, offset);
                status |= ParallelismError;
                return held;
            }
            Skip(16);
            status |= EndOfOperation;
            return held & value;
        }

        private void Skip(uint microseconds)
        {
            if(machine.SystemBus.TryGetCurrentCPU(out var cpu) && cpu is BaseCPU core)
            {
                core.SkipTime(TimeInterval.FromMicroseconds(microseconds));
            }
        }

        private uint access;
        private uint status;
        private uint control;
        private int keys;
        private bool refused;

        private readonly IMachine machine;
        private readonly MappedMemory flash;
        private readonly FlashGuard guard;

        private const long AccessControl = 0x00, Key = 0x04, Status = 0x0C, Control = 0x10, OptionControl = 0x14;
        private const uint FirstKey = 0x45670123, SecondKey = 0xCDEF89AB;
        private const uint EndOfOperation = 1 << 0, ParallelismError = 1 << 6, SequenceError = 1 << 7, Errors = 0xF2;
        private const uint Programming = 1 << 0, SectorErase = 1 << 1, Start = 1 << 16, Lock = 1u << 31;
    }
}
