// POWER and CLOCK of the nRF52840, which share their addresses (Product Specification, chapters POWER, CLOCK).
//
// Why not Renode's NRF_CLOCK: it has no POWER registers, so RESETREAS reads 0 after every reset and GPREGRET
// keeps nothing, and HFCLKSTAT and LFCLKSTAT do not tell what runs. Clocks start at once, as they do there.
// Not modelled: System OFF, supply comparators, calibration.

using Antmicro.Renode.Core;
using Antmicro.Renode.Peripherals.Bus;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    public class NRF52840_POWER_CLOCK : IDoubleWordPeripheral, IKnownSize
    {
        public NRF52840_POWER_CLOCK(IMachine machine)
        {
            IRQ = new GPIO();
        }

        // What the reset that comes next will have been: power, pin, software, watchdog or lockup. Renode does not
        // tell who asks for one, so it is the software unless somebody says otherwise before.
        public string ResetCause { get; set; } = "software";

        public string LastResetCause { get; private set; } = "power";

        public void Reset()
        {
            switch(ResetCause)
            {
            case "power":
                reasons = 0;
                retained[0] = retained[1] = 0;
                break;
            case "pin":
                reasons |= 1 << 0;
                break;
            case "watchdog":
                reasons |= 1 << 1;
                break;
            case "lockup":
                reasons |= 1 << 3;
                break;
            default:
                reasons |= 1 << 2;
                break;
            }
            LastResetCause = ResetCause;
            ResetCause = "software";
            highRuns = lowRuns = highStarted = lowStarted = false;
            interrupts = 0;
            lowSource = 0;
            Update();
        }

        public uint ReadDoubleWord(long offset)
        {
            switch(offset)
            {
            case HighStarted:
                return highStarted ? 1u : 0u;
            case LowStarted:
                return lowStarted ? 1u : 0u;
            case InterruptSet:
            case InterruptClear:
                return interrupts;
            case ResetReasons:
                return reasons;
            case HighRun:
                return highRuns ? 1u : 0u;
            case HighStatus:
                // STATE running in any case: the internal oscillator is there when the crystal is off
                return (highRuns ? 1u : 0u) | 1u << 16;
            case LowRun:
                return lowRuns ? 1u : 0u;
            case LowStatus:
            case LowSourceCopy:
                return lowRuns ? lowSource | (offset == LowStatus ? 1u << 16 : 0u) : 0u;
            case LowSource:
                return lowSource;
            case Retained:
            case Retained + 4:
                return retained[(offset - Retained) / 4];
            case MainSupply:
                return 1;
            default:
                return 0;
            }
        }

        public void WriteDoubleWord(long offset, uint value)
        {
            switch(offset)
            {
            case 0x000:
                highStarted |= value == 1;
                highRuns |= value == 1;
                break;
            case 0x004:
                highRuns &= value != 1;
                break;
            case 0x008:
                lowStarted |= value == 1;
                lowRuns |= value == 1;
                break;
            case 0x00C:
                lowRuns &= value != 1;
                break;
            case HighStarted:
                highStarted = value != 0;
                break;
            case LowStarted:
                lowStarted = value != 0;
                break;
            case InterruptSet:
                interrupts |= value;
                break;
            case InterruptClear:
                interrupts &= ~value;
                break;
            case ResetReasons:
                reasons &= ~value;
                break;
            case LowSource:
                lowSource = value & 3;
                break;
            case Retained:
            case Retained + 4:
                retained[(offset - Retained) / 4] = value & 0xFF;
                break;
            default:
                break;
            }
            Update();
        }

        public GPIO IRQ { get; }

        public long Size => 0x1000;

        private void Update()
        {
            IRQ.Set((highStarted && (interrupts & 1) != 0) || (lowStarted && (interrupts & 2) != 0));
        }

        private uint reasons;
        private uint interrupts;
        private uint lowSource;
        private bool highRuns;
        private bool lowRuns;
        private bool highStarted;
        private bool lowStarted;

        private readonly uint[] retained = new uint[2];

        private const long HighStarted = 0x100, LowStarted = 0x104, InterruptSet = 0x304, InterruptClear = 0x308;
        private const long ResetReasons = 0x400, HighRun = 0x408, HighStatus = 0x40C, LowRun = 0x414, LowStatus = 0x418;
        private const long LowSourceCopy = 0x41C, Retained = 0x51C, LowSource = 0x518, MainSupply = 0x640;
    }
}
