// TIMER of the nRF52840 (Product Specification, chapter TIMER).
//
// Why not Renode's NRF52840_Timer alone: TASKS_CAPTURE takes a count that is as old as the CPU's last
// synchronisation, up to a quantum. This is that model, synchronised before each capture.

using Antmicro.Renode.Core;
using Antmicro.Renode.Peripherals.Bus;

namespace Antmicro.Renode.Peripherals.Timers
{
    public class NRF52840_TIMER : NRF52840_Timer, IDoubleWordPeripheral
    {
        public NRF52840_TIMER(IMachine machine, int numberOfEvents) : base(machine, numberOfEvents)
        {
        }

        public override void WriteDoubleWord(long offset, uint value)
        {
            if(offset >= FirstCapture && offset <= LastCapture && machine.SystemBus.TryGetCurrentCPU(out var cpu))
            {
                cpu.SyncTime();
            }
            base.WriteDoubleWord(offset, value);
        }

        private const long FirstCapture = 0x40, LastCapture = 0x54;
    }
}
