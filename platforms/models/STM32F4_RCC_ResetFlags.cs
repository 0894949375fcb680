// RCC_CSR of the STM32F4 (RM0090, 7.3.21): which resets the chip went through since the flags were cleared.
//
// Why not Renode's STM32F4_RCC: its CSR always says power-on. Everything else of the RCC is still that
// model's, which this one passes accesses on to.

using Antmicro.Renode.Core;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.Timers;

namespace Antmicro.Renode.Peripherals.Miscellaneous
{
    public class STM32F4_RCC_ResetFlags : IDoubleWordPeripheral, IKnownSize
    {
        public STM32F4_RCC_ResetFlags(IMachine machine, STM32F4_RTC rtcPeripheral)
        {
            stock = new STM32F4_RCC(machine, rtcPeripheral);
            flags = PowerOn | BrownOut | Pin;
        }

        // What the reset that comes next will have been: power, pin, software or watchdog. Renode does not tell
        // who asks for one, so it is the software unless somebody says otherwise before.
        public string ResetCause { get; set; } = "software";

        public void Reset()
        {
            switch(ResetCause)
            {
            case "power":
                flags = PowerOn | BrownOut | Pin;
                lowSpeedOscillator = 0;
                break;
            case "watchdog":
                flags |= IndependentWatchdog | Pin;
                break;
            case "pin":
                flags |= Pin;
                break;
            default:
                flags |= Software | Pin;
                break;
            }
            LastResetCause = ResetCause;
            ResetCause = "software";
            stock.Reset();
        }

        public string LastResetCause { get; private set; } = "power";

        public uint ReadDoubleWord(long offset)
        {
            // LSIRDY follows LSION
            return offset == ControlStatus ? flags | lowSpeedOscillator | lowSpeedOscillator << 1 : stock.ReadDoubleWord(offset);
        }

        public void WriteDoubleWord(long offset, uint value)
        {
            if(offset != ControlStatus)
            {
                stock.WriteDoubleWord(offset, value);
                return;
            }
            lowSpeedOscillator = value & 1;
            if((value & RemoveFlags) != 0)
            {
                flags = 0;
            }
        }

        public long Size => stock.Size;

        private uint flags;
        private uint lowSpeedOscillator;

        private readonly STM32F4_RCC stock;

        private const long ControlStatus = 0x74;
        private const uint RemoveFlags = 1u << 24, BrownOut = 1u << 25, Pin = 1u << 26, PowerOn = 1u << 27;
        private const uint Software = 1u << 28, IndependentWatchdog = 1u << 29;
    }
}
