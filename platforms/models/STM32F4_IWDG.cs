// Independent watchdog of the STM32F4 (RM0090, section 21).
//
// Why not Renode's STM32_IndependentWatchdog: its reset leaves no IWDGRSTF in RCC_CSR (7.3.21), so that a
// firmware takes it for a power-on. PVU and RVU never rise in that model; here they stay up for the five LSI
// cycles that 21.4.4 allows.

using Antmicro.Renode.Core;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.Miscellaneous;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Timers
{
    public class STM32F4_IWDG : IDoubleWordPeripheral, IKnownSize
    {
        public STM32F4_IWDG(IMachine machine, uint frequency, STM32F4_RCC_ResetFlags rcc)
        {
            this.machine = machine;
            this.rcc = rcc;
            counter = new LimitTimer(machine.ClockSource, frequency, this, "counter", limit: ReloadMaximum + 1,
                workMode: WorkMode.OneShot, eventEnabled: true, divider: 4);
            counter.LimitReached += Expire;
            update = new LimitTimer(machine.ClockSource, frequency, this, "register update", limit: 5,
                workMode: WorkMode.OneShot, eventEnabled: true);
            update.LimitReached += () => updating = 0;
            Reset();
        }

        public void Reset()
        {
            counter.Reset();
            update.Reset();
            unlocked = false;
            prescaler = 0;
            reload = ReloadMaximum;
            updating = 0;
        }

        public uint ReadDoubleWord(long offset)
        {
            switch(offset)
            {
            case Prescaler:
                return prescaler;
            case Reload:
                return reload;
            case Status:
                return updating;
            default:
                return 0;
            }
        }

        public void WriteDoubleWord(long offset, uint value)
        {
            switch(offset)
            {
            case Key:
                unlocked = value == Unlock;
                if(value == Start)
                {
                    // 21.3.1: counts down from 0xFFF, started for good
                    counter.Enabled = true;
                }
                else if(value == Feed)
                {
                    counter.Limit = reload + 1;
                    counter.ResetValue();
                }
                break;
            case Prescaler:
                if(Writable(PrescalerUpdating))
                {
                    prescaler = value & 7;
                    counter.Divider = 4u << (int)(prescaler > 6 ? 6 : prescaler);
                }
                break;
            case Reload:
                if(Writable(ReloadUpdating))
                {
                    reload = value & ReloadMaximum;
                }
                break;
            default:
                this.LogUnhandledWrite(offset, value);
                break;
            }
        }

        public long Size => 0x400;

        private bool Writable(uint flag)
        {
            if(!unlocked || (updating & flag) != 0)
            {
                this.Log(LogLevel.Warning, "A write to a locked register, or to one that is still being updated, is lost");
                return false;
            }
            updating |= flag;
            update.ResetValue();
            update.Enabled = true;
            return true;
        }

        private void Expire()
        {
            rcc.ResetCause = "watchdog";
            machine.RequestReset();
        }

        private bool unlocked;
        private uint prescaler;
        private uint reload;
        private uint updating;

        private readonly IMachine machine;
        private readonly STM32F4_RCC_ResetFlags rcc;
        private readonly LimitTimer counter;
        private readonly LimitTimer update;

        private const long Key = 0x00, Prescaler = 0x04, Reload = 0x08, Status = 0x0C;
        private const uint Unlock = 0x5555, Feed = 0xAAAA, Start = 0xCCCC, ReloadMaximum = 0xFFF;
        private const uint PrescalerUpdating = 1, ReloadUpdating = 2;
    }
}
