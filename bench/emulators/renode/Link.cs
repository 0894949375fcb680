// The bench's hold on an emulation: one TCP connection to the bench, one request and one answer at a time.
//
// Renode's own ways in (Monitor, Robot server) start and stop the emulation for every `RunFor`, which costs
// some 8 ms each time. Here the emulation is started once. Whenever its time source has synchronised all
// machines, it asks the link how to go on: either it is given its next quantum, or it stays parked in that
// synchronised state until the bench wants more time to pass. Requests are served while it is parked, so that
// nothing moves under them.
//
// Frames, both ways: uint32 length (little endian, of what follows), one byte (operation, or 0 for done and 1
// for failed), payload. Standard input is the life line: at its end the process ends.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Reflection;
using System.Text;
using System.Threading;
using Antmicro.Renode.Core;
using Antmicro.Renode.Peripherals;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;
using Antmicro.Renode.Peripherals.GPIOPort;
using Antmicro.Renode.Peripherals.IRQControllers;
using Antmicro.Renode.Peripherals.Memory;
using Antmicro.Renode.Peripherals.UART;
using Antmicro.Renode.Time;
using Antmicro.Renode.UserInterface;
using Antmicro.Renode.UserInterface.Commands;
using Antmicro.Renode.UserInterface.Tokenizer;
using AntShell.Commands;

namespace OcppLiteBench
{
    public class LinkCommand : AutoLoadCommand
    {
        public LinkCommand(Antmicro.Renode.UserInterface.Monitor monitor)
            : base(monitor, "bench_link", "connects this emulation to the bench that listens on the given port.")
        {
            this.monitor = monitor;
        }

        [Runnable]
        public void Run(ICommandInteraction writer, DecimalIntegerToken port)
        {
            new Link(monitor, (int)port.Value).Start();
        }

        private readonly Antmicro.Renode.UserInterface.Monitor monitor;
    }

    public class Link
    {
        public Link(Antmicro.Renode.UserInterface.Monitor monitor, int port)
        {
            this.monitor = monitor;
            this.port = port;
        }

        public void Start()
        {
            new Thread(WatchLifeLine) { IsBackground = true, Name = "bench life line" }.Start();
            new Thread(Serve) { IsBackground = true, Name = "bench link" }.Start();
        }

        private static void WatchLifeLine()
        {
            var buffer = new byte[64];
            using(var input = Console.OpenStandardInput())
            {
                try
                {
                    while(input.Read(buffer, 0, buffer.Length) > 0)
                    {
                    }
                }
                catch(IOException)
                {
                    // a broken pipe is an end, too
                }
            }
            System.Diagnostics.Process.GetCurrentProcess().Kill();
        }

        private void Serve()
        {
            var client = new TcpClient("127.0.0.1", port) { NoDelay = true };
            using(var stream = client.GetStream())
            using(var reader = new BinaryReader(stream))
            {
                try
                {
                    while(true)
                    {
                        var length = reader.ReadInt32();
                        var frame = reader.ReadBytes(length);
                        var answer = Answer(frame);
                        stream.Write(answer, 0, answer.Length);
                    }
                }
                catch(IOException)
                {
                    // the bench has gone
                }
            }
            System.Diagnostics.Process.GetCurrentProcess().Kill();
        }

        private byte[] Answer(byte[] frame)
        {
            var memory = new MemoryStream();
            var writer = new BinaryWriter(memory);
            writer.Write(0);
            writer.Write((byte)0);
            try
            {
                using(var request = new BinaryReader(new MemoryStream(frame)))
                {
                    Handle((char)request.ReadByte(), request, writer);
                }
            }
            catch(Exception e)
            {
                memory.SetLength(4);
                memory.Position = 4;
                writer.Write((byte)1);
                writer.Write(Encoding.UTF8.GetBytes(e.GetBaseException().Message));
                Console.Error.WriteLine(e);
            }
            memory.Position = 0;
            writer.Write((int)memory.Length - 4);
            return memory.ToArray();
        }

        private void Handle(char operation, BinaryReader request, BinaryWriter answer)
        {
            switch(operation)
            {
            case 'M':
                Command(Text(request), answer);
                break;
            case 'B':
                Bind(Text(request), answer);
                break;
            case 'D':
                Unbind();
                break;
            case 'P':
                Power(request.ReadBoolean());
                Report(answer);
                break;
            case 'X':
                ResetBy("pin");
                Report(answer);
                break;
            case 'A':
                Advance(request, answer);
                break;
            case 'R':
                ReadMemory(request.ReadUInt32(), request.ReadInt32(), answer);
                break;
            case 'W':
                WriteMemory(request.ReadUInt32(), request.ReadBytes(request.ReadInt32()));
                break;
            case 'F':
                Fill(request.ReadUInt32(), request.ReadInt32(), request.ReadByte());
                break;
            case 'U':
                uarts[request.ReadByte()].Feed(request.ReadBytes(request.ReadInt32()));
                break;
            case 'S':
                SetPin(request.ReadByte(), request.ReadByte(), request.ReadBoolean());
                Report(answer);
                break;
            case 'G':
                answer.Write(Register(request.ReadInt32()));
                break;
            case 'C':
                Count(answer);
                break;
            case 'T':
                Trace(request);
                break;
            case 'I':
                handlers = new HandlerStack(machine, request.ReadUInt32(), request.ReadUInt32());
                break;
            default:
                throw new LinkException("unknown operation " + operation);
            }
        }

        private void Command(string line, BinaryWriter answer)
        {
            var output = new CommandInteractionEater();
            // what a script runs reports to the Monitor's own
            var before = monitor.Interaction;
            monitor.Interaction = output;
            var done = monitor.Parse(line, output);
            monitor.Interaction = before;
            if(!done || output.HasError)
            {
                var reason = output.GetError().Trim();
                throw new LinkException(reason.Length > 0 ? reason : line + " failed");
            }
            answer.Write(Encoding.UTF8.GetBytes(output.GetContents()));
        }

        // Everything stands still and switched off after this. Answers with what the board consists of.
        private void Bind(string cpuName, BinaryWriter answer)
        {
            if(machine == null)
            {
                Attach(cpuName);
            }
            Power(false);
            foreach(var uart in uarts)
            {
                uart.Forget();
            }
            // translated code cuts time where it is left for an interrupt: equal runs start with none
            cpu.ClearTranslationCache();
            resets.Clear();
            foreach(var trace in traces)
            {
                cpu.RemoveHook(trace.Item1, trace.Item2);
            }
            traces.Clear();
            visits.SetLength(0);
            visitCount = 0;
            handlers = null;
            revive = false;
            exceptions.Clear();
            instructions = instructionsBefore = 0;
            answer.Write((byte)uartsFound.Length);
            foreach(var uart in uartsFound)
            {
                Write(answer, uart.Name);
            }
            answer.Write((byte)portsFound.Length);
            foreach(var port in portsFound)
            {
                Write(answer, port.Name);
            }
            var memories = machine.SystemBus.GetRegisteredPeripherals().Where(each => each.Peripheral is MappedMemory).ToArray();
            answer.Write((byte)memories.Length);
            foreach(var memory in memories)
            {
                Write(answer, machine.GetLocalName(memory.Peripheral));
                answer.Write((uint)memory.RegistrationPoint.Range.StartAddress);
                answer.Write((uint)memory.RegistrationPoint.Range.Size);
            }
        }

        private void Attach(string cpuName)
        {
            var emulation = EmulationManager.Instance.CurrentEmulation;
            machine = emulation.Machines.Single();
            clock = (BaseClockSource)machine.ClockSource;
            cpu = Find<CortexM>(cpuName);
            nvic = machine.GetPeripheralsOfType<NVIC>().Single();
            var peripherals = machine.GetRegisteredPeripherals().Where(each => !string.IsNullOrEmpty(each.Name))
                .GroupBy(each => each.Name).Select(each => each.First()).ToArray();
            uartsFound = peripherals.Where(each => each.Peripheral is IUART).ToArray();
            portsFound = peripherals.Where(each => each.Peripheral is BaseGPIOPort).ToArray();
            uarts = uartsFound.Select(each => new Wire(machine, (IUART)each.Peripheral, NoteOutput)).ToArray();
            ports = portsFound.Select(each => (BaseGPIOPort)each.Peripheral).ToArray();
            pins = ports.Select(port => port.Connections.Where(pin => pin.Key >= 0).ToDictionary(pin => pin.Key, pin => pin.Value)).ToArray();
            foreach(var pin in pins.SelectMany(port => port.Values).OfType<GPIO>())
            {
                pin.AddStateChangedHook(_ => NoteOutput());
            }
            causes = peripherals.Select(each => each.Peripheral).Where(each => Property(each, "ResetCause") != null).ToArray();
            cpu.AddHookAtWfiStateChange(waits => asleep = waits);
            cpu.AddHookAtInterruptBegin(CountException);
            cpu.AddHookAtInterruptBegin(_ => handlers?.Begin(Register(StackPointer), Register(ProgramStatus), Register(Control)));
            cpu.AddHookAtInterruptEnd(_ => handlers?.End());
            cpu.StateChanged += NoteAbort;
            machine.LocalTimeSource.SinksReportedHook += NoteInstructions;
            machine.MachineReset += NoteReset;

            master = emulation.MasterTimeSource;
            master.AdvanceImmediately = true;
            machine.LocalTimeSource.AdvanceImmediately = true;
            target = TimeInterval.Empty;
            SetQuantum(TimeInterval.FromNanoseconds(1));
            leave = false;
            master.SyncHook += Synchronise;
            emulation.StartAll();
            parked.WaitOne();
        }

        private void Unbind()
        {
            if(machine == null)
            {
                return;
            }
            leave = true;
            go.Set();
            parked.WaitOne();
            master.SyncHook -= Synchronise;
            machine.MachineReset -= NoteReset;
            machine.LocalTimeSource.SinksReportedHook -= NoteInstructions;
            cpu.StateChanged -= NoteAbort;
            EmulationManager.Instance.CurrentEmulation.PauseAll();
            machine = null;
        }

        // On the thread of the master time source, with every machine at rest at virtual time `now`.
        private void Synchronise(TimeInterval now)
        {
            if(now >= target || output || resets.Count > 0)
            {
                parked.Set();
                go.WaitOne();
                if(leave)
                {
                    master.Stop();
                    parked.Set();
                    return;
                }
            }
            SetQuantum(NextQuantum(now));
        }

        // A CPU that sleeps with no interrupt waiting is woken by a timer, and by nothing from outside before
        // `target`: time can pass in one step up to there. One that runs is looked at every BusyQuantum, and so
        // is one that is lost, because a watchdog's reset is taken at the end of a quantum only.
        private TimeInterval NextQuantum(TimeInterval now)
        {
            var quantum = target > now ? target - now : BusyQuantum;
            var limit = BusyQuantum;
            if(!powered || (!cpu.IsHalted && asleep && !nvic.MaskedInterruptPresent))
            {
                var event_ = clock.NearestLimitIn;
                limit = event_ > BusyQuantum ? event_ : BusyQuantum;
            }
            if(limit < quantum)
            {
                quantum = limit;
            }
            // the CPU's share of a quantum is whole only in whole microseconds
            var microseconds = (quantum.Ticks + TimeInterval.TicksPerMicrosecond - 1) / TimeInterval.TicksPerMicrosecond;
            return TimeInterval.FromMicroseconds(microseconds);
        }

        private void SetQuantum(TimeInterval quantum)
        {
            master.Quantum = quantum;
            machine.LocalTimeSource.Quantum = quantum;
        }

        private void RunTo(TimeInterval time)
        {
            target = time;
            output = false;
            if(revive)
            {
                revive = false;
                cpu.IsHalted = false;
            }
            if(target > master.ElapsedVirtualTime)
            {
                go.Set();
                parked.WaitOne();
            }
        }

        private void Advance(BinaryReader request, BinaryWriter answer)
        {
            RunTo(TimeInterval.FromNanoseconds(request.ReadUInt64()));
            Report(answer);
            for(var ranges = request.ReadByte(); ranges > 0; --ranges)
            {
                ReadMemory(request.ReadUInt32(), request.ReadInt32(), answer);
            }
        }

        // What the bench has to know after anything that may have moved the board.
        private void Report(BinaryWriter answer)
        {
            answer.Write(Now);
            answer.Write((byte)resets.Count);
            foreach(var reset in resets)
            {
                answer.Write(reset.Item1);
                Write(answer, reset.Item2);
            }
            foreach(var uart in uarts)
            {
                uart.Drain(answer);
            }
            foreach(var port in Enumerable.Range(0, ports.Length))
            {
                answer.Write(Levels(port));
            }
            answer.Write(visitCount);
            answer.Write(visits.GetBuffer(), 0, (int)visits.Length);
            visits.SetLength(0);
            visitCount = 0;
            resets.Clear();
        }

        private void Power(bool on)
        {
            powered = on;
            if(!on)
            {
                handlers?.Reset(false);
                cpu.IsHalted = true;
                foreach(var uart in uarts)
                {
                    uart.Clear();
                }
                quiet = true;
                machine.Reset();
                quiet = false;
                return;
            }
            cpu.IsHalted = false;
            ResetBy("power");
        }

        private void ResetBy(string cause)
        {
            foreach(var each in causes)
            {
                Property(each, "ResetCause").SetValue(each, cause);
            }
            resetBy = cause;
            machine.Reset();
            resetBy = null;
        }

        private void NoteReset(IMachine _)
        {
            instructionsBefore += instructions;
            instructions = 0;
            if(quiet)
            {
                return;
            }
            asleep = false;
            revive = true;
            handlers?.Reset(powered);
            foreach(var uart in uarts)
            {
                uart.Clear();
            }
            var cause = causes.Select(each => (string)Property(each, "LastResetCause").GetValue(each)).FirstOrDefault();
            resets.Add(Tuple.Create(Now, resetBy ?? cause ?? "software"));
            // A reset gives the CPU a new thread, whose random numbers would begin again with the same seed.
            var emulation = EmulationManager.Instance.CurrentEmulation;
            emulation.SetSeed(emulation.GetSeed() + 1);
        }

        // The models with reset flags are compiled after this file, so they are known by their properties.
        private static PropertyInfo Property(IPeripheral peripheral, string name)
        {
            return peripheral.GetType().GetProperty(name);
        }

        // Where the processor would lock up, Renode's aborts, and time would stand still: so it is halted, until
        // the next reset.
        private void NoteAbort(ICPU _, EmulationCPUState before, EmulationCPUState now)
        {
            if(now == EmulationCPUState.Aborted)
            {
                new Thread(() => cpu.IsHalted = true).Start();
            }
        }

        // Before any reset of this quantum, which sets the CPU's counter back.
        private void NoteInstructions()
        {
            instructions = cpu.ExecutedInstructions;
        }

        private void NoteOutput()
        {
            output = true;
        }

        // Renode takes the virtual time of a visit from the last synchronisation.
        private void Trace(BinaryReader request)
        {
            var address = request.ReadUInt32();
            var ranges = Enumerable.Range(0, request.ReadByte()).Select(_ => Tuple.Create(request.ReadUInt32(), request.ReadInt32())).ToArray();
            var registers = Enumerable.Range(0, request.ReadByte()).Select(_ => Tuple.Create(request.ReadInt32(), request.ReadUInt32())).ToArray();
            CpuAddressHook visited = (_, __) =>
            {
                foreach(var register in registers)
                {
                    cpu.SetRegister(register.Item1, RegisterValue.Create(register.Item2, 32));
                }
                var writer = new BinaryWriter(visits);
                writer.Write(address);
                writer.Write(Now);
                writer.Write(instructionsBefore + cpu.ExecutedInstructions);
                writer.Write(ranges.Sum(range => range.Item2));
                foreach(var range in ranges)
                {
                    ReadMemory(range.Item1, range.Item2, writer);
                }
                visitCount++;
            };
            cpu.AddHook(address, visited);
            traces.Add(Tuple.Create((ulong)address, visited));
        }

        private uint Register(int number)
        {
            return (uint)cpu.GetRegister(number).RawValue;
        }

        private void ReadMemory(uint address, int size, BinaryWriter answer)
        {
            answer.Write(machine.SystemBus.ReadBytes(address, size));
        }

        private void WriteMemory(uint address, byte[] data)
        {
            machine.SystemBus.WriteBytes(data, address);
        }

        private void Fill(uint address, int size, byte value)
        {
            var data = new byte[size];
            for(var at = 0; at < size; ++at)
            {
                data[at] = value;
            }
            machine.SystemBus.WriteBytes(data, address);
        }

        private void SetPin(byte port, byte pin, bool level)
        {
            ports[port].OnGPIO(pin, level);
        }

        private ulong Levels(int port)
        {
            var levels = 0ul;
            foreach(var pin in pins[port])
            {
                if(pin.Value.IsSet)
                {
                    levels |= 1ul << pin.Key;
                }
            }
            return levels;
        }

        // Called with the kind of exception before the NVIC is told that it is taken.
        private void CountException(ulong kind)
        {
            const ulong undefined = 1, supervisorCall = 2, prefetchAbort = 3, dataAbort = 4, interrupt = 5;
            var number = HardFault;
            switch(kind)
            {
            case undefined:
                number = UsageFault;
                break;
            case supervisorCall:
                number = SupervisorCall;
                break;
            case prefetchAbort:
            case dataAbort:
                number = MemoryFault;
                break;
            case interrupt:
                number = (uint)nvic.FindPendingInterrupt();
                break;
            }
            exceptions.TryGetValue(number, out var entries);
            exceptions[number] = entries + 1;
        }

        private void Count(BinaryWriter answer)
        {
            answer.Write(instructionsBefore + cpu.ExecutedInstructions);
            answer.Write(cpu.PerformanceInMips);
            answer.Write((ushort)exceptions.Count);
            foreach(var entry in exceptions)
            {
                answer.Write(entry.Key);
                answer.Write(entry.Value);
            }
            answer.Write(handlers != null ? (int)handlers.Deepest : -1);
        }

        private T Find<T>(string name) where T : class, IPeripheral
        {
            if(!machine.TryGetByName<IPeripheral>("sysbus." + name, out var peripheral) || !(peripheral is T))
            {
                throw new LinkException("the platform has no " + typeof(T).Name + " named " + name);
            }
            return (T)peripheral;
        }

        private static string Text(BinaryReader request)
        {
            return Encoding.UTF8.GetString(request.ReadBytes(request.ReadInt32()));
        }

        private static void Write(BinaryWriter answer, string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            answer.Write(bytes.Length);
            answer.Write(bytes);
        }

        private ulong Now => master.ElapsedVirtualTime.TotalNanoseconds;

        private IMachine machine;
        private CortexM cpu;
        private NVIC nvic;
        private BaseClockSource clock;
        private MasterTimeSource master;
        private PeripheralTreeEntry[] uartsFound;
        private PeripheralTreeEntry[] portsFound;
        private Wire[] uarts = new Wire[0];
        private BaseGPIOPort[] ports = new BaseGPIOPort[0];
        private Dictionary<int, IGPIO>[] pins;
        private IPeripheral[] causes;
        private TimeInterval target;
        private ulong instructions;
        private ulong instructionsBefore;
        private volatile bool asleep;
        private volatile bool output;
        private volatile bool leave;
        private bool powered;
        private volatile bool revive;
        private bool quiet;
        private string resetBy;
        private uint visitCount;
        private HandlerStack handlers;

        private readonly Antmicro.Renode.UserInterface.Monitor monitor;
        private readonly int port;
        private readonly AutoResetEvent go = new AutoResetEvent(false);
        private readonly AutoResetEvent parked = new AutoResetEvent(false);
        private readonly List<Tuple<ulong, string>> resets = new List<Tuple<ulong, string>>();
        private readonly Dictionary<uint, ulong> exceptions = new Dictionary<uint, ulong>();
        private readonly List<Tuple<ulong, CpuAddressHook>> traces = new List<Tuple<ulong, CpuAddressHook>>();
        private readonly MemoryStream visits = new MemoryStream();

        private const int StackPointer = 13, Control = 18, ProgramStatus = 25;
        private const uint HardFault = 3, MemoryFault = 4, UsageFault = 6, SupervisorCall = 11;
        private static readonly TimeInterval BusyQuantum = TimeInterval.FromMicroseconds(500);
    }

    // How much stack exception handlers take below the thread that they interrupt: what is below its stack pointer
    // is painted while they run, and what they left alone gets its old contents back. The same as
    // bench/emulators/unicorn/handler_stack.py does.
    internal class HandlerStack
    {
        public HandlerStack(IMachine machine, uint start, uint end)
        {
            this.machine = machine;
            this.start = start;
            this.end = end;
        }

        // Before the frame is stacked.
        public void Begin(uint stackPointer, uint programStatus, uint control)
        {
            if((programStatus & 0x1FF) != 0)
            {
                nested++;
                return;
            }
            nested = 1;
            old = null;
            high = stackPointer - Deepest;
            low = Math.Max(start, high - Window);
            if((control & 2) != 0 || low >= high || high > end || stackPointer % 4 != 0)
            {
                return;
            }
            top = stackPointer;
            old = machine.SystemBus.ReadBytes(low, (int)(high - low));
            machine.SystemBus.WriteBytes(Enumerable.Range(0, old.Length).Select(at => Paint[at % 4]).ToArray(), low);
        }

        public void End()
        {
            if(--nested <= 0)
            {
                Close();
            }
        }

        // `kept`: does RAM keep its contents?
        public void Reset(bool kept)
        {
            nested = 0;
            if(kept)
            {
                Close();
            }
            old = null;
        }

        private void Close()
        {
            if(old == null)
            {
                return;
            }
            var found = machine.SystemBus.ReadBytes(low, old.Length);
            for(var at = 0; at < old.Length; at += 4)
            {
                if(!Enumerable.Range(0, 4).All(place => found[at + place] == Paint[place]))
                {
                    Deepest = Math.Max(Deepest, top - low - (uint)at);
                    continue;
                }
                Array.Copy(old, at, found, at, 4);
            }
            machine.SystemBus.WriteBytes(found, low);
            old = null;
        }

        public uint Deepest { get; private set; }

        private uint low, high, top;
        private byte[] old;
        private int nested;

        private readonly IMachine machine;
        private readonly uint start;
        private readonly uint end;

        private const uint Window = 1024;
        private static readonly byte[] Paint = { 0xA7, 0x3C, 0x69, 0x1E };
    }

    // One UART as the bench has it. Bytes towards the board take their time: our own models see to that, to
    // Renode's they are given one by one.
    internal class Wire
    {
        public Wire(IMachine machine, IUART uart, Action onOutput)
        {
            this.machine = machine;
            this.uart = uart;
            uart.CharReceived += value =>
            {
                sent.WriteByte(value);
                onOutput();
            };
        }

        public void Feed(byte[] data)
        {
            if(uart.GetType().GetProperty("TakesTime") != null)
            {
                foreach(var value in data)
                {
                    uart.WriteChar(value);
                }
                return;
            }
            var wasIdle = due.Count == 0;
            foreach(var value in data)
            {
                due.Enqueue(value);
            }
            if(wasIdle && due.Count > 0)
            {
                Schedule();
            }
        }

        public void Drain(BinaryWriter answer)
        {
            answer.Write((int)sent.Length);
            answer.Write(sent.GetBuffer(), 0, (int)sent.Length);
            sent.SetLength(0);
        }

        public void Forget()
        {
            sent.SetLength(0);
        }

        public void Clear()
        {
            due.Clear();
            machine.ClockSource.TryRemoveClockEntry(Deliver);
        }

        private void Schedule()
        {
            var bits = 9u + (uart.ParityBit == Parity.None ? 0u : 1u) + (uart.StopBits == Bits.Two ? 2u : 1u);
            var baud = uart.BaudRate == 0 ? 115200u : uart.BaudRate;
            var frame = TimeInterval.TicksPerSecond * bits / baud;
            machine.ClockSource.ExchangeClockEntryWith(Deliver, entry => New(frame), () => New(frame));
        }

        private ClockEntry New(ulong frame)
        {
            return new ClockEntry(frame, TimeInterval.TicksPerSecond, Deliver, machine, "bench wire", workMode: WorkMode.OneShot);
        }

        private void Deliver()
        {
            if(due.Count == 0)
            {
                return;
            }
            uart.WriteChar(due.Dequeue());
            if(due.Count > 0)
            {
                Schedule();
            }
        }

        private readonly IMachine machine;
        private readonly IUART uart;
        private readonly Queue<byte> due = new Queue<byte>();
        private readonly MemoryStream sent = new MemoryStream();
    }

    internal class LinkException : Exception
    {
        public LinkException(string message) : base(message)
        {
        }
    }
}
