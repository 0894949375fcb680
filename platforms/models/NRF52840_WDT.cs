// Watchdog of the nRF52840 (Product Specification, chapter WDT).
//
// Why not Renode's NRF52840_Watchdog alone: its reset leaves no DOG in RESETREAS (chapter POWER), because
// Renode has no POWER. This is that model, which tells the one of POWER.

using Antmicro.Renode.Core;
using Antmicro.Renode.Peripherals.Miscellaneous;

namespace Antmicro.Renode.Peripherals.Timers
{
    public class NRF52840_WDT : NRF52840_Watchdog
    {
        public NRF52840_WDT(IMachine machine, NRF52840_POWER_CLOCK power) : base(machine)
        {
            // with TIMEOUT's interrupt enabled the reset follows two cycles later, and is nobody else's by then
            LimitReached += () => power.ResetCause = "watchdog";
        }
    }
}
