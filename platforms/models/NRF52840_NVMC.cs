// Non-volatile memory controller of the nRF52840 (Product Specification, chapter NVMC). Renode has none.
//
// Words can be written while CONFIG is WEN, and bits only be cleared; pages of 4 KB be erased while it is EEN.
// The CPU is halted for as long as an operation on the flash it runs from takes (tWRITE 41 us, tERASEPAGE
// 85 ms): that time is skipped. Not modelled: UICR, partial erase, the cache's profile counters. FlashGuard
// says which stores are held to the rules: those to the guarded bytes, and to the slot that the program does not
// run from.

using Antmicro.Renode.Core;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Peripherals.Memory;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.MTD
{
    public class NRF52840_NVMC : IDoubleWordPeripheral, IKnownSize
    {
        public NRF52840_NVMC(IMachine machine, MappedMemory flash, uint guardedStart, uint guardedSize,
            uint slotStart, uint slotStart2, uint slotSize)
        {
            this.machine = machine;
            this.flash = flash;
            guard = new FlashGuard(machine, flash, Program, new[] { new Range(guardedStart, guardedSize) },
                new[] { new Range(slotStart, slotSize), new Range(slotStart2, slotSize) });
        }

        public void Reset()
        {
            config = 0;
            cache = 0;
        }

        public uint ReadDoubleWord(long offset)
        {
            switch(offset)
            {
            case Ready:
            case ReadyNext:
                return 1;
            case Config:
                return config;
            case CacheConfig:
                return cache;
            default:
                return 0;
            }
        }

        public void WriteDoubleWord(long offset, uint value)
        {
            switch(offset)
            {
            case Config:
                config = value & 3;
                if(config != 0)
                {
                    guard.Open();
                }
                break;
            case ErasePage:
                Erase(value & ~0xFFFu, 0x1000, 85000);
                break;
            case EraseAll:
                if((value & 1) != 0)
                {
                    Erase(0, (int)flash.Size, 169000);
                }
                break;
            case CacheConfig:
                cache = value & 0x101;
                break;
            default:
                this.LogUnhandledWrite(offset, value);
                break;
            }
        }

        public long Size => 0x1000;

        private void Erase(uint start, int size, uint microseconds)
        {
            if(config != EraseEnabled)
            {
                this.Log(LogLevel.Warning, "An erase while CONFIG is not EEN is lost");
                return;
            }
            flash.SetRange(start, size, 0xFF);
            Skip(microseconds);
        }

        private ulong Program(long offset, ulong value, int size)
        {
            var held = 0ul;
            for(var at = size - 1; at >= 0; --at)
            {
                held = held << 8 | flash.ReadByte(offset + at);
            }
            if(config != WriteEnabled || size != 4 || offset % 4 != 0)
            {
                this.Log(LogLevel.Warning, "A store of {0} bytes to 0x{1:X} is refused: whole words only, with CONFIG at WEN", size, offset);
                return held;
            }
            Skip(41);
            return held & value;
        }

        private void Skip(uint microseconds)
        {
            if(machine.SystemBus.TryGetCurrentCPU(out var cpu) && cpu is BaseCPU core)
            {
                core.SkipTime(TimeInterval.FromMicroseconds(microseconds));
            }
        }

        private uint config;
        private uint cache;

        private readonly IMachine machine;
        private readonly MappedMemory flash;
        private readonly FlashGuard guard;

        private const uint WriteEnabled = 1, EraseEnabled = 2;
        private const long Ready = 0x400, ReadyNext = 0x408, Config = 0x504, ErasePage = 0x508, EraseAll = 0x50C, CacheConfig = 0x540;
    }
}
